import type { Client } from '@gala/lib/rpc';
import type { SignalService } from '@gala/protocol/signal';
import {
  encodeSignals,
  signalClasses,
  tiers,
  type BatchBase,
  type ClientFilter,
  type Signal,
  type StatePart,
} from '@gala/protocol/signals';
import type { TierTick } from './types.ts';

type Delivered = Parameters<Client<typeof SignalService>['deliver']>[0];
export type WirePeer = NonNullable<Delivered['peers']>[number];
export type WireBatch = NonNullable<Delivered['batches']>[number];
type WireSection = NonNullable<WireBatch['sections']>[number];
type WireCount = NonNullable<WireBatch['counts']>[number];

/** A batch as it is kept and sent; encoded once, whoever gets it. */
export interface RoomBatch {
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
  readonly bytes: number;
  readonly wire: WireBatch;
}

export interface BatchHeader extends BatchBase {
  readonly roomId: number;
  readonly epoch: number;
  readonly to: number;
  readonly stateVersion: number;
  readonly durable: number;
}

/** Of one class, and for one kind of clients. */
interface Part {
  readonly class: Signal['class'];
  readonly filter: ClientFilter | undefined;
  readonly signals: Signal[];
  /** Bit n: it belongs to tier n. */
  tiers: number;
}

/** Beyond the payload, roughly: bounds need no more. */
const headerBytes = 64;
const sectionBytes = 16;
export const allTiers = 2 ** tiers.length - 1;

/** What a room said in one tick; tiers with the same signals of a class share its section. */
export function encodeTick(
  header: BatchHeader,
  ticks: readonly TierTick[],
  state: readonly StatePart[],
): RoomBatch {
  const parts: Part[] = [];
  const seen = new Map<readonly Signal[], Part[]>();
  for (const { tier, signals } of ticks) {
    const known = seen.get(signals);
    const own = known ?? share(parts, partsOf(signals));
    if (!known) seen.set(signals, own);
    for (const part of own) part.tiers |= 1 << tiers.indexOf(tier);
  }
  return assemble(header, { parts, counts: countsOf(ticks), state });
}

/** Signals as they are for every tier, without counts. */
export function encodePlain(header: BatchHeader, signals: readonly Signal[]): RoomBatch {
  const parts = partsOf(signals);
  for (const part of parts) part.tiers = allTiers;
  return assemble(header, { parts, counts: [], state: [] });
}

interface BatchContent {
  readonly parts: readonly Part[];
  readonly counts: WireCount[];
  readonly state: readonly StatePart[];
}

function assemble(header: BatchHeader, { parts, counts, state }: BatchContent): RoomBatch {
  const { roomId, epoch, from, to, atMs, stateVersion, durable } = header;
  const sections = parts.map((part) => sectionOf(part, header));
  const parted = state.map(wireState);
  let bytes = headerBytes + counts.length * sectionBytes;
  for (const { payload } of sections) bytes += sectionBytes + (payload?.length ?? 0);
  for (const { value } of parted) bytes += sectionBytes + value.length;
  const wire = {
    roomId: BigInt(roomId),
    epoch: BigInt(epoch),
    from: BigInt(from),
    to: BigInt(to),
    atMs: BigInt(atMs),
    stateVersion: BigInt(stateVersion),
    durable: BigInt(durable),
    sections,
    counts,
    state: parted,
  };
  return { from, to, atMs, bytes, wire };
}

/** Part of the state on the wire. */
export function wireState({ name, version, stateVersion, value }: StatePart) {
  return {
    name,
    version: BigInt(version),
    stateVersion: BigInt(stateVersion),
    value: encodeJson(value),
  };
}

export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function partsOf(signals: readonly Signal[]): Part[] {
  const parts = new Map<string, Part>();
  for (const signal of signals) {
    const key = signal.filter ? signal.class + JSON.stringify(signal.filter) : signal.class;
    const part = parts.get(key);
    if (part) part.signals.push(signal);
    else parts.set(key, { class: signal.class, filter: signal.filter, signals: [signal], tiers: 0 });
  }
  return [...parts.values()];
}

/** Those of `own` that another tier has already are taken from there. */
function share(parts: Part[], own: readonly Part[]): Part[] {
  return own.map((part) => {
    const same = parts.find((other) => isSame(part, other));
    if (!same) parts.push(part);
    return same ?? part;
  });
}

function isSame(one: Part, other: Part): boolean {
  if (one.class !== other.class || one.signals.length !== other.signals.length) return false;
  return one.signals.every((signal, index) => signal === other.signals[index]);
}

function sectionOf(part: Part, base: BatchBase): WireSection {
  return {
    class: signalClasses.indexOf(part.class),
    tiers: part.tiers,
    items: part.signals.length,
    payload: encodeSignals(part.signals, base),
    ...(part.filter && { filter: { ...part.filter, platforms: [...part.filter.platforms] } }),
  };
}

function countsOf(ticks: readonly TierTick[]): WireCount[] {
  return ticks.flatMap(({ tier, counts }) =>
    counts.map((count) => ({
      ...count,
      class: signalClasses.indexOf(count.class),
      tier: tiers.indexOf(tier),
    })),
  );
}

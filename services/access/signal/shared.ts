import { encodeDeflatedFrame, encodeFrame, opcodes } from '@gala/lib/websocket';
import type { RoomBatch } from '@gala/protocol/interaction';
import {
  decodeBatch,
  encodeBatch,
  signalClasses,
  tiers,
  type ClassCount,
  type ClientFilter,
  type Position,
  type SignalClass,
  type StatePart,
} from '@gala/protocol/signals';
import { anyKind, isFor, type Kind } from './kinds.ts';

/** What decides about the bytes that a client is sent: all of one format share them. */
export interface Format {
  /** Place in `tiers`. */
  readonly tier: number;
  readonly kind: Kind;
  readonly encoding: Encoding;
}

/** Compressed ones for those who have agreed on it (RFC 7692): without context, so that they are shared as well. */
export const encodings = ['binary', 'json', 'deflated binary', 'deflated json'] as const;
export type Encoding = (typeof encodings)[number];

export function encodingOf(isJson: boolean, isDeflated: boolean): Encoding {
  return encodings[(isDeflated ? 2 : 0) + (isJson ? 1 : 0)];
}

/** A message as JSON in one frame. */
export function textFrame(message: object): Buffer {
  return encodeFrame(Buffer.from(JSON.stringify(message)), opcodes.text);
}

/** Something that all clients of a room get. */
export interface Shared {
  /** Whole WebSocket frames; made once for each format that differs. */
  frameFor(format: Format): Buffer;
}

/** A message that is the same for all. */
export class SharedText implements Shared {
  readonly #frame: Buffer;

  constructor(message: object) {
    this.#frame = textFrame(message);
  }

  frameFor(): Buffer {
    return this.#frame;
  }
}

interface Section {
  readonly class: SignalClass;
  /** Bit n: for tier n. */
  readonly tiers: number;
  readonly filter: ClientFilter | undefined;
  readonly items: number;
  readonly payload: Uint8Array;
}

/** One batch of a room as its owner made it, and the frames that were made of it so far. */
export class SharedBatch implements Shared {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
  readonly stateVersion: number;
  readonly durable: number;
  readonly state: readonly StatePart[];
  /** What it weighs in memory without its frames. */
  readonly bytes: number;
  readonly #sections: readonly Section[];
  readonly #counts: readonly (readonly ClassCount[])[];
  readonly #hasFilters: boolean;
  readonly #frames = new Map<number, Buffer>();
  #plain: Uint8Array | undefined;

  constructor(batch: RoomBatch) {
    this.epoch = Number(batch.epoch);
    this.from = Number(batch.from);
    this.to = Number(batch.to);
    this.atMs = Number(batch.atMs);
    this.stateVersion = Number(batch.stateVersion);
    this.durable = Number(batch.durable);
    this.state = batch.state.map(statePartOf);
    this.#sections = batch.sections.map(sectionOf);
    this.#counts = tiers.map((_, tier) => countsOf(batch, tier));
    this.#hasFilters = this.#sections.some(({ filter }) => filter !== undefined);
    this.bytes = this.#sections.reduce((sum, { payload }) => sum + payload.length, 256);
  }

  /** Where one who has it is. */
  get place(): Position {
    return { epoch: this.epoch, offset: this.to, durable: this.durable };
  }

  frameFor(format: Format): Buffer {
    // Without filters all kinds share it.
    const kindIndex = this.#hasFilters ? format.kind.index : 0;
    const key =
      (kindIndex * tiers.length + format.tier) * encodings.length + encodings.indexOf(format.encoding);
    const known = this.#frames.get(key);
    if (known) return known;
    const frame = this.#compose(format);
    this.#frames.set(key, frame);
    return frame;
  }

  /** All that is for clients of any kind, without a frame around it. */
  get plain(): Uint8Array {
    this.#plain ??= this.#messageFor({ tier: 0, kind: anyKind, encoding: 'binary' });
    return this.#plain;
  }

  #messageFor(format: Format): Uint8Array {
    const { epoch, from, to, atMs, stateVersion, durable, state } = this;
    const { tier, kind } = format;
    const sections = this.#sections.filter(
      (each) => (each.tiers & (1 << tier)) !== 0 && isFor(kind, each.filter),
    );
    const counts = this.#counts[tier];
    return encodeBatch({
      epoch,
      from,
      to,
      atMs,
      stateVersion,
      durable,
      state,
      sections,
      counts,
      tier: tiers[tier],
    });
  }

  #compose(format: Format): Buffer {
    const message = this.#messageFor(format);
    const { encoding } = format;
    if (encoding === 'binary') return encodeFrame(message, opcodes.binary);
    if (encoding === 'deflated binary') return encodeDeflatedFrame(message, opcodes.binary);
    const text = Buffer.from(JSON.stringify({ type: 'batch', batch: decodeBatch(message) }));
    return encoding === 'json' ? encodeFrame(text, opcodes.text) : encodeDeflatedFrame(text, opcodes.text);
  }
}

export function statePartOf({ name, version, stateVersion, value }: RoomBatch['state'][number]): StatePart {
  const parsed: unknown = JSON.parse(Buffer.from(value).toString());
  return { name, version: Number(version), stateVersion: Number(stateVersion), value: parsed };
}

/** The payload is copied, since it is a view of all that came for all rooms, which would live as long. */
function sectionOf({
  class: index,
  tiers: bits,
  filter,
  items,
  payload,
}: RoomBatch['sections'][number]): Section {
  return { class: signalClasses[index], tiers: bits, filter, items, payload: Buffer.from(payload) };
}

function countsOf({ counts }: RoomBatch, tier: number): ClassCount[] {
  return counts
    .filter((count) => count.tier === tier)
    .map(({ class: index, offered, merged, shed }) => ({
      class: signalClasses[index],
      offered,
      merged,
      shed,
    }));
}

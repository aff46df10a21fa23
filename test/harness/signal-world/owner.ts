import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import type { OpenRoomResponse, ReadBatchesResponse, ReadStateResponse } from '@gala/protocol/interaction';
import { openRules, type Position } from '@gala/protocol/signals';
import { PresenceBudget } from '../../../services/application/interaction/crowd/presence-limits.ts';
import { Presence } from '../../../services/application/interaction/crowd/presence.ts';
import { StateParts } from '../../../services/application/interaction/crowd/state-parts.ts';
import { readStored, writesOf } from '../../../services/application/interaction/crowd/stored-state.ts';
import { RoomMerger } from '../../../services/application/interaction/crowd/tick-merger.ts';
import type { DurableLane } from '../../../services/application/interaction/durable/lane.ts';
import { numberAt, type DurableRecord } from '../../../services/application/interaction/durable/record.ts';
import { wireState, type WireBatch } from '../../../services/application/interaction/encoding.ts';
import { InteractionEvents } from '../../../services/application/interaction/events.ts';
import type { Holding } from '../../../services/application/interaction/partitions.ts';
import { readBatches } from '../../../services/application/interaction/reading.ts';
import { RingBudget } from '../../../services/application/interaction/room-ring.ts';
import { Room } from '../../../services/application/interaction/room.ts';
import type { Draft, Rulebook } from '../../../services/application/interaction/types.ts';
import type { World } from './world.ts';

export const roomId = 4_194_305;

const logger = createLogger({ name: 'test', level: 'silent' });
const events = new InteractionEvents({ logger, metrics: createMetrics('owner') });
const presenceCounters = { sampled: 0, unlocated: 0, mismatched: 0 };
/** So short that who was away for some ticks is told of a gap. */
const ringLimits = { ringBatchesMax: 8, ringBytesMax: 1e6, ringAgeMs: 1e9, ringsBytesMax: 1e9 };
/** So few that an answer is often a part of what was asked for. */
const readBatchesMax = 3;
const rulebook: Rulebook = {
  rules: openRules,
  prepare: () => undefined,
  judge: () => ({ kind: 'say', drafts: [] }),
  [Symbol.dispose]: () => undefined,
};
const idleLane = { isIdle: true } as DurableLane;

type Write = Readonly<Record<string, Uint8Array>>;

/** A process that owns the room: the real cores, without time and network of their own. */
export class SimOwner {
  readonly id: string;
  readonly fence: number;
  readonly room: Room;
  readonly state: StateParts;
  /** Nodes that a delivery did not reach: they are told where the room is. */
  readonly lagging = new Set<string>();
  readonly #world: World;
  #writes: Write[] = [];

  constructor(world: World, fence: number) {
    this.#world = world;
    this.fence = fence;
    this.id = `owner-${fence}`;
    this.state = new StateParts({ fence });
    this.state.load(readStored(world.stored).values);
    const merger = new RoomMerger({ random: world.random });
    const presence = new Presence({ budget: new PresenceBudget(1000), counters: presenceCounters });
    const crowd = { heard: (_: unknown, drafts: readonly Draft[]) => drafts, close: async () => {} };
    const holding = { isHeld: true, isCaughtUp: true } as Holding;
    this.room = new Room({
      facts: { roomId, hostId: 1, title: '', announcement: '' },
      holding,
      epoch: fence,
      parts: { rulebook, merger, state: this.state, presence, crowd },
      budget: new RingBudget(ringLimits, events),
      openLane: () => idleLane,
      durable: Math.max(world.log.at(-1)?.number ?? 0, numberAt(world.nowMs)),
      onDirty: () => undefined,
    });
  }

  say(draft: Draft): void {
    this.room.say(draft, this.#world.nowMs);
  }

  /** Into the log; it is acknowledged when it is said as well. */
  append(draft: Draft): DurableRecord {
    const { log, nowMs } = this.#world;
    const number = Math.max(this.room.durable + 1, numberAt(nowMs), (log.at(-1)?.number ?? 0) + 1);
    const record = { number, epoch: this.room.epoch, id: '', atMs: nowMs, draft };
    log.push(record);
    return record;
  }

  acknowledge({ draft, number }: DurableRecord): void {
    this.room.sayDurable(draft, number, this.#world.nowMs);
  }

  tick(): WireBatch | undefined {
    return this.room.flush(this.#world.nowMs)?.wire;
  }

  /** The next of the three writes of what changed; false when there is none. */
  write(): boolean {
    if (this.#writes.length === 0) this.#writes = [...this.#ordered()];
    const write = this.#writes.shift();
    if (!write) return false;
    for (const [field, value] of Object.entries(write)) this.#world.stored.set(field, Buffer.from(value));
    return true;
  }

  /** Something is written, but not all that belongs to it. */
  get isBetweenWrites(): boolean {
    return this.#writes.length > 0;
  }

  open(nodeId: string): OpenRoomResponse {
    this.room.nodes.set(nodeId, 1);
    const base = { ...this.#where(), ...this.#stateAbove({}), rules: Buffer.from(JSON.stringify(openRules)) };
    return base as unknown as OpenRoomResponse;
  }

  readState(versions: Readonly<Record<string, number>>): ReadStateResponse {
    return { epoch: BigInt(this.room.epoch), ...this.#stateAbove(versions) } as unknown as ReadStateResponse;
  }

  readBatches({ epoch, offset, durable }: Position): ReadBatchesResponse {
    const { log, nowMs } = this.#world;
    const tail = {
      after: (_: number, number: number) => ({
        records: log.filter((record) => record.number > number),
        isComplete: true,
      }),
    };
    const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
    const position = { epoch, after: offset, afterDurable: durable, limit: readBatchesMax };
    const { isComplete, isDurableComplete, isDurablePending, batches } = readBatches(this.room, position, {
      tail,
      clock,
      events,
    });
    const complete = {
      complete: isComplete,
      durableComplete: isDurableComplete,
      durablePending: isDurablePending,
    };
    const wired = batches.map(({ wire }) => wire);
    return { ...this.#where(), ...complete, batches: wired } as unknown as ReadBatchesResponse;
  }

  #ordered(): readonly Write[] {
    const parts = this.state.takeUnwritten();
    if (parts.length === 0) return [];
    const writes = writesOf(this.fence, parts);
    return this.#world.bug === 'versions first' ? writes.toReversed() : writes;
  }

  #stateAbove(versions: Readonly<Record<string, number>>) {
    const state = this.room.stateAbove(versions).map(wireState);
    return { stateVersion: BigInt(this.state.version), state };
  }

  #where() {
    const { epoch, told } = this.room;
    return { epoch: BigInt(epoch), offset: BigInt(told.offset), durable: BigInt(told.durable) };
  }
}

import type { Clock } from '@gala/lib/clock';
import { Backoff } from '@gala/lib/timing';
import type {
  OpenRoomResponse,
  ReadBatchesResponse,
  ReadStateResponse,
  RoomBatch,
} from '@gala/protocol/interaction';
import {
  StateBook,
  type Position,
  type RoomRules,
  type StatePart,
  type StatePartsMessage,
} from '@gala/protocol/signals';
import { Audience, type AudienceParts } from './audience.ts';
import { nowhere } from './backlog.ts';
import type { Connection } from './connection.ts';
import type { SignalEvents } from './events.ts';
import { joined } from './group.ts';
import type { Missed } from './missed.ts';
import { Ring, type RingLimits } from './ring.ts';
import { SharedBatch, SharedText, statePartOf } from './shared.ts';

/** Batches that wait for those before them. */
const heldMax = 256;
/** By how much the clocks of this node and of an owner may differ, for what a new place covers. */
const seekMs = 1_000;
/** A room that was open for longer is opened again at once. */
const reopenMsMax = 2_000;

/** How a room reaches its owner. */
export interface RoomOwner {
  /** Batches above the room's place are missing; ask for them. */
  repair(room: Room): void;
  /** Some of the state is missing; ask for all of it. */
  readState(room: Room): void;
  /** The room is to be opened anew: its owner is another, or has forgotten it. */
  reopen(room: Room, reason: string): void;
  evict(connection: Connection): void;
}

export interface RoomParts extends AudienceParts {
  readonly clock: Clock;
  readonly owner: RoomOwner;
  readonly ringLimits: RingLimits;
  readonly events: SignalEvents;
}

/**
 * One room at this node: its place in the sequence, the last batches, its state, and its clients. What comes out of
 * order waits until what precedes it has been read from the owner.
 */
export class Room {
  readonly id: number;
  readonly audience: Audience;
  readonly ring: Ring;
  /** 0 until it has been opened. */
  epoch = 0;
  offset = 0;
  durable = 0;
  rules: RoomRules | undefined;
  /** Process that delivers it. */
  ownerId = '';
  status: 'opening' | 'open' | 'lost' = 'opening';
  /** Between openings that follow each other closely. */
  readonly backoff = new Backoff({ initialMs: 50, maxMs: reopenMsMax });
  /** Its owner does not know yet what control and money there was before its epoch; none later goes out before. */
  lacksDurable = false;
  /** Monotonic time until which it stays open without clients. */
  wantedUntilMs = Infinity;
  readonly #parts: RoomParts;
  /** Versions are those of which every part is here: what a client has heard of besides, it asks for again. */
  readonly #book = new StateBook();
  readonly #listeners = new Set<() => void>();
  #held: SharedBatch[] = [];
  #openedAtMs = -Infinity;

  constructor(id: number, parts: RoomParts) {
    this.id = id;
    this.#parts = parts;
    this.ring = new Ring(parts.ringLimits);
    this.audience = new Audience(parts, {
      catchUp: (connection) => this.catchUp(connection),
      evict: (connection) => parts.owner.evict(connection),
    });
  }

  get position(): Position {
    return { epoch: this.epoch, offset: this.offset, durable: this.durable };
  }

  /** Or has never been open. */
  get wasOpenForLong(): boolean {
    return this.#parts.clock.monotonicMs() - this.#openedAtMs > reopenMsMax;
  }

  get state(): StatePart[] {
    return this.#book.parts;
  }

  get stateVersion(): number {
    return this.#book.version;
  }

  /** Parts that have a version above the known ones. */
  stateAfter(versions: Readonly<Record<string, number>>): StatePart[] {
    if (this.#book.lacksParts) this.#parts.owner.readState(this);
    return this.#book.above(versions);
  }

  /** The owner has opened it here, for the first time or again. True when what it said meanwhile has to be read. */
  opened(response: OpenRoomResponse, ownerId: string): boolean {
    const epoch = Number(response.epoch);
    const offset = Number(response.offset);
    const isFirst = this.epoch === 0;
    this.ownerId = ownerId;
    this.status = 'open';
    this.#openedAtMs = this.#parts.clock.monotonicMs();
    this.rules = JSON.parse(Buffer.from(response.rules).toString()) as RoomRules;
    this.#takeState(this.#book.whole(response.state.map(statePartOf), Number(response.stateVersion)));
    if (!isFirst) {
      this.audience.say(new SharedText(this.#wholeState()), this.position);
      return epoch !== this.epoch || offset > this.offset;
    }
    this.#seek({ epoch, offset, durable: Number(response.durable) });
    this.#release();
    return false;
  }

  /** All of the state, as its owner has it: some was missing. */
  stateRead(response: ReadStateResponse): void {
    const wasLacking = this.#book.lacksParts;
    this.#takeState(this.#book.whole(response.state.map(statePartOf), Number(response.stateVersion)));
    if (!wasLacking || this.#book.lacksParts) return;
    this.audience.say(new SharedText(this.#wholeState()), this.position);
  }

  /** What its owner says. */
  accept(message: RoomBatch): void {
    const { counters } = this.#parts.events;
    counters.batchesIn++;
    const epoch = Number(message.epoch);
    if (epoch < this.epoch) return void counters.batchesStale++;
    if (epoch === this.epoch && Number(message.from) <= this.offset) return void counters.batchesDuplicate++;
    const batch = new SharedBatch(message);
    const isNext = epoch === this.epoch && this.#isNext(batch) && this.status === 'open';
    if (isNext && this.#held.length === 0) return this.#apply(batch);
    this.#hold(batch);
    if (this.status === 'open') this.#parts.owner.repair(this);
  }

  /** What the owner says is missing above `position`. True when all of it is here, and nothing is held any more. */
  repaired(response: ReadBatchesResponse): boolean {
    const batches = response.batches.map((batch) => new SharedBatch(batch));
    if (response.complete && Number(response.epoch) === this.epoch) {
      for (const batch of batches) if (this.#isNext(batch)) this.#apply(batch);
      this.#parts.events.counters.gapsRepaired++;
    } else {
      this.#jump(batches, response);
    }
    this.#release();
    return this.#held.length === 0 && this.offset >= Number(response.offset);
  }

  /** What the owner says of control and money before its epoch, asked for with the epoch 0. */
  recall(response: ReadBatchesResponse): void {
    if (response.durablePending || Number(response.epoch) !== this.epoch) return;
    this.lacksDurable = false;
    for (const message of response.batches) {
      const batch = new SharedBatch(message);
      if (batch.epoch === this.epoch) continue;
      this.durable = Math.max(this.durable, batch.durable);
      this.audience.say(batch, nowhere);
    }
  }

  /** What follows a place, if it is all here. */
  missedSince({ epoch, offset }: Pick<Position, 'epoch' | 'offset'>): Missed | undefined {
    if (epoch !== this.epoch) return undefined;
    // One who is ahead has heard the owner through another node; he is told again what he knows.
    if (offset >= this.offset) return { batches: [], isComplete: true };
    const batches = this.ring.after(offset);
    return batches && { batches, isComplete: true };
  }

  /**
   * Sends what is in the ring above what was left out, in the client's own tier. Where that is gone, or the room has
   * another epoch by now, the client comes again: then it is told what it missed, control and money included.
   */
  catchUp(connection: Connection): void {
    const { counters } = this.#parts.events;
    counters.catchUps++;
    const { epoch, offset } = connection.missedAfter!;
    const batches = epoch === this.epoch ? this.ring.after(offset) : undefined;
    if (!batches) return this.#parts.owner.evict(connection);
    this.audience.isUpToDate(connection);
    const { format } = connection.group!;
    for (const batch of batches) connection.write(batch.frameFor(format));
    // Batches that bring state alone have no place by which they could be found again.
    connection.send(this.#wholeState());
  }

  /** Called after each batch, for those who wait for the next one. */
  onBatch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The bytes that bring a client to where the room is. */
  bytesFor(connection: Connection, { batches }: Missed): Buffer | undefined {
    return batches.length > 0 ? joined(batches, connection.group!.format) : undefined;
  }

  [Symbol.dispose](): void {
    this.audience[Symbol.dispose]();
    this.#held = [];
  }

  #apply(batch: SharedBatch): void {
    this.offset = batch.to;
    this.durable = Math.max(this.durable, batch.durable);
    this.#takeState(this.#book.change(batch.state, batch.stateVersion));
    this.ring.add(batch);
    this.audience.say(batch, this.position);
    for (const listener of this.#listeners) listener();
  }

  #takeState(fresh: readonly StatePart[]): void {
    for (const { name, value } of fresh) if (name === 'rules' && value) this.rules = value as RoomRules;
    if (this.#book.lacksParts && this.status === 'open') this.#parts.owner.readState(this);
  }

  #wholeState(): StatePartsMessage {
    return { type: 'state', stateVersion: this.stateVersion, parts: this.state, isWhole: true };
  }

  #hold(batch: SharedBatch): void {
    this.#parts.events.counters.batchesHeld++;
    this.#held.push(batch);
    // What is lost here is read from the owner as well.
    if (this.#held.length > heldMax) this.#held.shift();
  }

  /** Goes on with what was held, as far as it follows. */
  #release(): void {
    const held = this.#held.toSorted((one, other) => one.epoch - other.epoch || one.from - other.from);
    this.#held = [];
    for (const batch of held) {
      if (batch.epoch < this.epoch || (batch.epoch === this.epoch && batch.from <= this.offset)) continue;
      if (batch.epoch === this.epoch && this.#isNext(batch)) this.#apply(batch);
      else this.#held.push(batch);
    }
  }

  #isNext({ from, durable }: SharedBatch): boolean {
    return from === this.offset + 1 && !(this.lacksDurable && durable > this.durable);
  }

  /** Something is gone: clients are told, and get what is left of it, control and money first. */
  #jump(batches: readonly SharedBatch[], response: ReadBatchesResponse): void {
    const epoch = Number(response.epoch);
    this.#parts.events.gapLost(this.id, this.offset, epoch);
    const kept = batches.filter((batch) => batch.epoch === epoch);
    const base = kept.length > 0 ? kept[0].from - 1 : Number(response.offset);
    this.#seek({ epoch, offset: base, durable: this.durable });
    this.lacksDurable = response.durablePending;
    // What may not be lost comes from the log, under the epoch 0: it has no place in this sequence. It comes first, as
    // who has heard of the gap does not ask for it again. Who is left out of these has no place to catch up from.
    for (const batch of batches) if (batch.epoch !== epoch) this.audience.say(batch, nowhere);
    this.audience.say(new SharedText({ type: 'repaired', ...this.position, isComplete: false }), nowhere);
    for (const batch of kept) this.#apply(batch);
    // One answer may be a part of what is left; control and money of the rest are still to come.
    if (this.offset >= Number(response.offset))
      this.durable = Math.max(this.durable, Number(response.durable));
  }

  #seek({ epoch, offset, durable }: Position): void {
    this.epoch = epoch;
    this.offset = offset;
    this.durable = durable;
    // What the owner said in this moment may have come before.
    this.ring.reset(offset, this.#parts.clock.nowMs() + seekMs);
  }
}

import type { Coord, Lease, MemberView } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { ringFirst } from '@gala/lib/ring';
import { interactionErrors } from '@gala/protocol/errors';
import { interactionGroup, ringKeyOfPartition } from '@gala/protocol/signals';
import type { InteractionEvents } from './events.ts';

export interface PartitionsOptions {
  readonly coord: Coord;
  readonly processId: string;
  readonly events: InteractionEvents;
  /** Makes ready what rooms of it need; they are opened afterwards. */
  readonly onTaken: (holding: Holding) => Promise<void>;
  /** Another is to have it: what its rooms have to say goes out, and they are closed. */
  readonly onLeave: (holding: Holding) => Promise<void>;
  /** Another may have it already: its rooms say nothing any more. */
  readonly onLost: (holding: Holding) => void;
}

/** So long a call waits for a partition that should be ours and is another's still: a killed owner's lease runs out. */
const takeMsMax = 3500;
const retryAfterSeconds = 0.2;
/** Openings of rooms under one lease; an epoch is the lease's fence and the number of the opening. */
const openingsMax = 2 ** 26;

/** A partition that is owned here, as long as its lease lasts. */
export class Holding {
  readonly partition: number;
  readonly lease: Lease;
  /** Nothing new is begun in it. */
  isLeaving = false;
  /** All that its rooms were promised before is known: control and money may go on. */
  isCaughtUp = false;
  idleSinceMs: number | undefined;
  #openings = 0;

  constructor(partition: number, lease: Lease) {
    this.partition = partition;
    this.lease = lease;
  }

  get isHeld(): boolean {
    return !this.isLeaving && !this.lease.signal.aborted;
  }

  /** Greater than all epochs before of any room of the partition, whoever owned it. Errors: NOT_OWNER. */
  nextEpoch(): number {
    if (!this.isHeld || this.#openings >= openingsMax - 1) throw notOwner();
    return this.lease.fence * openingsMax + ++this.#openings;
  }
}

export function notOwner(): CodedError {
  return new CodedError(interactionErrors, 'NOT_OWNER', { retryAfterSeconds });
}

/**
 * The partitions of this process. The ring says who should have one, the lease who has it. One is taken when it is
 * asked for, so that an installation where nobody speaks holds none; and given back when the ring names another.
 */
export class Partitions implements AsyncDisposable {
  readonly #options: PartitionsOptions;
  readonly #members: MemberView;
  readonly #joined: AsyncDisposable;
  readonly #held = new Map<number, Holding>();
  readonly #taking = new Map<number, Promise<Holding>>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  private constructor(options: PartitionsOptions, joined: AsyncDisposable, members: MemberView) {
    this.#options = options;
    this.#joined = joined;
    this.#members = members;
    members.onChange(() => this.#giveAway());
  }

  /** Joins those who own partitions. Errors: COORD_UNAVAILABLE. */
  static async open(options: PartitionsOptions): Promise<Partitions> {
    const { coord, processId: id } = options;
    const joined = await coord.join(interactionGroup, { id, data: {} });
    return new Partitions(options, joined, await coord.members(interactionGroup));
  }

  get size(): number {
    return this.#held.size;
  }

  list(): readonly Holding[] {
    return [...this.#held.values()];
  }

  /** The partition, when it is owned here and not about to be given back. */
  find(partition: number): Holding | undefined {
    const holding = this.#held.get(partition);
    return holding?.isHeld ? holding : undefined;
  }

  /** The partition, taken if it should be ours. Errors: NOT_OWNER. */
  async hold(partition: number): Promise<Holding> {
    const holding = this.find(partition);
    if (holding) return holding;
    if (!this.#isOurs(partition)) {
      this.#options.events.counters.partitionsRefused++;
      throw notOwner();
    }
    const known = this.#taking.get(partition);
    if (known) return known;
    const taking = this.#take(partition).finally(() => this.#taking.delete(partition));
    this.#taking.set(partition, taking);
    return taking;
  }

  /** Gives it back in order; what follows is refused at once. */
  giveBack(holding: Holding, reason: string): Promise<void> {
    if (!holding.isHeld) return Promise.resolve();
    holding.isLeaving = true;
    const leaving = this.#leave(holding, reason).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    return leaving;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  /** Leaves the ring first, so that the others know what is theirs while what is here is handed over. */
  async #close(): Promise<void> {
    this.#closing.abort();
    await this.#joined[Symbol.asyncDispose]();
    await this.#members[Symbol.asyncDispose]();
    await Promise.allSettled(this.#taking.values());
    for (const holding of this.list()) void this.giveBack(holding, 'the process closes');
    await Promise.allSettled(this.#leaving);
  }

  #isOurs(partition: number): boolean {
    if (this.#closing.signal.aborted) return false;
    const ids = this.#members.list().map(({ id }) => id);
    return ringFirst(ids, ringKeyOfPartition(partition)) === this.#options.processId;
  }

  #giveAway(): void {
    for (const holding of this.list()) {
      if (!this.#isOurs(holding.partition)) void this.giveBack(holding, 'another process is to have it');
    }
  }

  async #take(partition: number): Promise<Holding> {
    const { onTaken, events } = this.#options;
    // The same process may still be giving it back.
    await Promise.allSettled(this.#leaving);
    const holding = new Holding(partition, await this.#lease(partition));
    const { lease } = holding;
    lease.signal.addEventListener('abort', () => this.#ended(holding), { once: true });
    try {
      if (!this.#isOurs(partition)) throw notOwner();
      events.partitionTaken(partition, lease.fence);
      await onTaken(holding);
      if (!holding.isHeld || !this.#isOurs(partition)) throw notOwner();
    } catch (error) {
      holding.isLeaving = true;
      await lease[Symbol.asyncDispose]();
      throw error;
    }
    this.#held.set(partition, holding);
    return holding;
  }

  async #lease(partition: number): Promise<Lease> {
    const signal = AbortSignal.any([AbortSignal.timeout(takeMsMax), this.#closing.signal]);
    try {
      return await this.#options.coord.lease(interactionGroup, partition, signal);
    } catch (cause) {
      this.#options.events.counters.partitionsRefused++;
      const detail = 'its lease is not to be had';
      throw new CodedError(interactionErrors, 'NOT_OWNER', { cause, detail, retryAfterSeconds });
    }
  }

  async #leave(holding: Holding, reason: string): Promise<void> {
    const { onLeave, events } = this.#options;
    await onLeave(holding);
    this.#held.delete(holding.partition);
    if (holding.lease.signal.aborted) return;
    events.partitionHandedOver(holding.partition, reason);
    await holding.lease[Symbol.asyncDispose]();
  }

  /** Also called when it was given back, and then there is nothing left to lose. */
  #ended(holding: Holding): void {
    const { onLost, events } = this.#options;
    if (this.#held.get(holding.partition) !== holding) return;
    this.#held.delete(holding.partition);
    events.partitionLost(holding.partition, holding.lease.fence);
    onLost(holding);
  }
}

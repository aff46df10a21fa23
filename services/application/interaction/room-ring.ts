import type { RoomBatch } from './encoding.ts';
import type { InteractionEvents } from './events.ts';

export interface RingLimits {
  readonly ringBatchesMax: number;
  readonly ringBytesMax: number;
  readonly ringAgeMs: number;
  readonly ringsBytesMax: number;
}

/** What the rings of all rooms of a process may keep; who was read least lately gives first. */
export class RingBudget {
  readonly limits: RingLimits;
  readonly #events: InteractionEvents;
  /** In the order of their last use. */
  readonly #rings = new Set<RoomRing>();
  #bytes = 0;

  constructor(limits: RingLimits, events: InteractionEvents) {
    this.limits = limits;
    this.#events = events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(ring: RoomRing): void {
    this.#rings.add(ring);
  }

  remove(ring: RoomRing): void {
    this.#bytes -= ring.bytes;
    this.#rings.delete(ring);
  }

  used(ring: RoomRing): void {
    this.#rings.delete(ring);
    this.#rings.add(ring);
  }

  grown(bytes: number): void {
    this.#bytes += bytes;
    if (bytes > 0 && this.#bytes > this.limits.ringsBytesMax) this.#evict();
  }

  /** Whole rings are emptied: a part of one is no use to those who were away longer than it reaches back. */
  #evict(): void {
    for (const ring of this.#rings) {
      if (this.#bytes <= this.limits.ringsBytesMax) return;
      this.#events.counters.ringEvictions += ring.clear();
    }
  }
}

/** The last batches of one room, for nodes that missed some and for those who read by cursor. */
export class RoomRing implements Disposable {
  bytes = 0;
  readonly #budget: RingBudget;
  #batches: RoomBatch[] = [];
  /** Batches before this index are dropped; the array is cut now and then. */
  #head = 0;
  /** Offset of the last signal that was dropped. */
  #droppedTo = 0;

  constructor(budget: RingBudget) {
    this.#budget = budget;
    budget.add(this);
  }

  /** Everything after this offset is here. */
  get reachesBackTo(): number {
    return this.#droppedTo;
  }

  push(batch: RoomBatch): void {
    this.#batches.push(batch);
    this.bytes += batch.bytes;
    this.#budget.grown(batch.bytes);
    this.#trim(batch.atMs);
  }

  /** Batches with signals above the offset, oldest first. */
  after(offset: number, limit: number): RoomBatch[] {
    this.#budget.used(this);
    let low = this.#head;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#batches[middle].to > offset) high = middle;
      else low = middle + 1;
    }
    return this.#batches.slice(low, low + limit);
  }

  /** Drops everything; how many batches that were. */
  clear(): number {
    const count = this.#batches.length - this.#head;
    while (this.#head < this.#batches.length) this.#drop();
    this.#cut();
    return count;
  }

  [Symbol.dispose](): void {
    this.#budget.remove(this);
  }

  #trim(nowMs: number): void {
    const { ringBatchesMax, ringBytesMax, ringAgeMs } = this.#budget.limits;
    while (this.#head < this.#batches.length) {
      const isOver =
        this.#batches.length - this.#head > ringBatchesMax ||
        this.bytes > ringBytesMax ||
        this.#batches[this.#head].atMs < nowMs - ringAgeMs;
      if (!isOver) break;
      this.#drop();
    }
    if (this.#head > 64 && this.#head * 2 > this.#batches.length) this.#cut();
  }

  #drop(): void {
    const { bytes, to } = this.#batches[this.#head++];
    this.#droppedTo = to;
    this.bytes -= bytes;
    this.#budget.grown(-bytes);
  }

  #cut(): void {
    this.#batches = this.#batches.slice(this.#head);
    this.#head = 0;
  }
}

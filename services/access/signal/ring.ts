import type { SharedBatch } from './shared.ts';

export interface RingLimits {
  readonly bytesMax: number;
  readonly ageMs: number;
}

/** Batches at most, whatever they weigh: a minute of ticks. */
const batchesMax = 1_200;

/** The last batches of one room in the order of their offsets, without a gap; what is above `base` is all there. */
export class Ring {
  readonly #limits: RingLimits;
  #batches: SharedBatch[] = [];
  #head = 0;
  #base = 0;
  bytes = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  /** Offset up to which batches are gone. */
  get base(): number {
    return this.#base;
  }

  get size(): number {
    return this.#batches.length - this.#head;
  }

  /** Forgets all: batches after `base` follow. */
  reset(base: number): void {
    this.#batches = [];
    this.#head = 0;
    this.#base = base;
    this.bytes = 0;
  }

  /** Call with the batch that follows the last one. */
  add(batch: SharedBatch): void {
    this.#batches.push(batch);
    this.bytes += batch.bytes;
    while (this.size > batchesMax || this.bytes > this.#limits.bytesMax) this.#drop();
  }

  /**
   * Batches after `base`, read from the owner: those of before this ring are kept, if they reach up to it: then it
   * reaches back to `base`, and answers true.
   */
  extend(batches: readonly SharedBatch[], base: number): boolean {
    if (base >= this.#base) return true;
    const older = batches.filter(({ to }) => to <= this.#base);
    if (older.at(-1)?.to !== this.#base) return false;
    this.#batches = [...older, ...this.#batches.slice(this.#head)];
    this.#head = 0;
    this.#base = base;
    for (const batch of older) this.bytes += batch.bytes;
    while (this.size > batchesMax || this.bytes > this.#limits.bytesMax) this.#drop();
    return true;
  }

  /** Drops what is too old. */
  trim(nowMs: number): void {
    while (this.size > 0 && this.#batches[this.#head].atMs < nowMs - this.#limits.ageMs) this.#drop();
  }

  /** Everything above the offset; undefined when it does not reach back so far. */
  after(offset: number): SharedBatch[] | undefined {
    if (offset < this.#base) return undefined;
    let from = this.#batches.length;
    while (from > this.#head && this.#batches[from - 1].to > offset) from--;
    return this.#batches.slice(from);
  }

  /** Those of a span of time. */
  between(fromMs: number, toMs: number): SharedBatch[] {
    const kept = this.#batches.slice(this.#head);
    return kept.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  }

  /** When the oldest batch was made; undefined while there is none. */
  get oldestMs(): number | undefined {
    return this.#batches[this.#head]?.atMs;
  }

  #drop(): void {
    const batch = this.#batches[this.#head];
    this.#base = batch.to;
    this.bytes -= batch.bytes;
    this.#head++;
    if (this.#head < 256 || this.#head * 2 < this.#batches.length) return;
    this.#batches = this.#batches.slice(this.#head);
    this.#head = 0;
  }
}

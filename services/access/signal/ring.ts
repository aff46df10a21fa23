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
  #coveredFromMs = Infinity;
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

  /** Everything that was said from then on is here, by the clock of the room's owner. */
  get coveredFromMs(): number {
    return this.#coveredFromMs;
  }

  /** Forgets all: batches after `base`, made after `coveredFromMs`, follow. */
  reset(base: number, coveredFromMs = Infinity): void {
    this.#coveredFromMs = coveredFromMs;
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
    this.#coveredFromMs = older[0].atMs + 1;
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

  /** Those of a span of time, and the last one before it. */
  between(fromMs: number, toMs: number): { before: SharedBatch | undefined; batches: SharedBatch[] } {
    const kept = this.#batches.slice(this.#head).filter(({ atMs }) => atMs < toMs);
    return {
      before: kept.findLast(({ atMs }) => atMs < fromMs),
      batches: kept.filter(({ atMs }) => atMs >= fromMs),
    };
  }

  #drop(): void {
    const batch = this.#batches[this.#head];
    this.#base = batch.to;
    this.#coveredFromMs = batch.atMs + 1;
    this.bytes -= batch.bytes;
    this.#head++;
    if (this.#head < 256 || this.#head * 2 < this.#batches.length) return;
    this.#batches = this.#batches.slice(this.#head);
    this.#head = 0;
  }
}

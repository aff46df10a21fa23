import { producersMax } from './limits.ts';
import type { LogRecord } from './types.ts';

/**
 * Drops what a partition has twice: a producer numbers its records, so one with a number that was there already
 * was written again after an answer that got lost. Bounded by `producersMax`.
 */
export class Deduplicator {
  /** Last sequence by producer, the longest silent first. */
  readonly #last = new Map<string, number>();

  /** Those that were not seen; the same array when that is all of them. */
  filter(records: readonly LogRecord[]): readonly LogRecord[] {
    const fresh = records.filter((record) => this.#isNew(record));
    return fresh.length === records.length ? records : fresh;
  }

  #isNew({ producer, sequence }: LogRecord): boolean {
    const last = this.#last.get(producer);
    if (last !== undefined && sequence <= last) return false;
    this.#last.delete(producer);
    this.#last.set(producer, sequence);
    if (this.#last.size > producersMax) this.#last.delete(this.#last.keys().next().value!);
    return true;
  }
}

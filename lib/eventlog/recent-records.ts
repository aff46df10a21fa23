import { batchBytesMax, batchRecordsMax } from './limits.ts';
import type { LogRecord, Position } from './types.ts';

/** What is kept of a partition for those who are a little behind. */
const recordsMax = 4 * batchRecordsMax;
const bytesMax = 2 * batchBytesMax;

/** The newest records of one partition, without a gap, for all readers of a process. */
export class RecentRecords {
  #records: LogRecord[] = [];
  #bytes = 0;

  /** The offset after the last one; undefined while there is none. */
  get end(): number | undefined {
    const last = this.#records.at(-1);
    return last && last.offset + 1;
  }

  get start(): number | undefined {
    return this.#records[0]?.offset;
  }

  /** All from the position on; empty when it is not among these. */
  from({ offset }: Pick<Position, 'offset'>): readonly LogRecord[] {
    if (this.#records.length === 0 || offset < this.#records[0].offset) return [];
    // Offsets of an engine may have holes, so the place is searched for.
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records[middle].offset < offset) low = middle + 1;
      else high = middle;
    }
    return low === this.#records.length ? [] : this.#records.slice(low);
  }

  /** These follow those that are there. */
  add(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += record.value.length;
    }
    this.#trim();
  }

  clear(): void {
    this.#records = [];
    this.#bytes = 0;
  }

  #trim(): void {
    let count = 0;
    while (this.#records.length - count > recordsMax || this.#bytes > bytesMax)
      this.#bytes -= this.#records[count++].value.length;
    if (count > 0) this.#records = this.#records.slice(count);
  }
}

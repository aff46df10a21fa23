import { batchBytesMax, batchRecordsMax } from './limits.ts';
import type { LogRecord, Origin, Position } from './types.ts';

/** What is kept of a partition for those who are a little behind. */
const recordsMax = 4 * batchRecordsMax;
const bytesMax = 2 * batchBytesMax;

/** The newest records of one partition, without a gap, for all readers of a process. */
export class RecentRecords {
  #records: LogRecord[] = [];
  #before: Origin | undefined;
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
    const low = this.#placeOf(offset);
    return low === this.#records.length ? [] : this.#records.slice(low);
  }

  /** What stands before an offset that is among these or the next after them, as far as it is known. */
  before(offset: number): Origin | undefined {
    return this.#records[this.#placeOf(offset) - 1] ?? this.#before;
  }

  /** These follow those that are there. */
  add(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += record.value.length;
    }
    this.#trim();
  }

  /** Begins anew, with what stands before that which is added next. */
  clear(before?: Origin): void {
    this.#records = [];
    this.#bytes = 0;
    this.#before = before;
  }

  #placeOf(offset: number): number {
    // Offsets of an engine may have holes, so the place is searched for.
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records[middle].offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim(): void {
    let count = 0;
    while (this.#records.length - count > recordsMax || this.#bytes > bytesMax)
      this.#bytes -= this.#records[count++].value.length;
    if (count === 0) return;
    const { producer, sequence, writtenAtMs } = this.#records[count - 1];
    this.#before = { producer, sequence, writtenAtMs };
    this.#records = this.#records.slice(count);
  }
}

import type { DurableRecord } from './record.ts';

/** Of one room, whatever their number: all of them go in one message. */
const bytesMax = 2 ** 20;

/** The last control and money signals of one room, as the log has them. */
export class RoomTail {
  readonly roomId: number;
  bytes = 0;
  /** In the order of the log. */
  records: { readonly record: DurableRecord; readonly bytes: number }[] = [];
  /** Greatest number of those that are not here any more. */
  forgotten = 0;
  epoch = 0;
  last = 0;

  constructor(roomId: number) {
    this.roomId = roomId;
  }

  add(record: DurableRecord, bytes: number): void {
    this.records.push({ record, bytes });
    this.bytes += bytes;
    this.epoch = record.epoch;
    this.last = Math.max(this.last, record.number);
  }

  /** Drops the oldest until the rest is within its bounds; the bytes that came free. */
  trim(countMax: number, oldestMs: number): number {
    let count = 0;
    let bytes = 0;
    for (const { record, bytes: size } of this.records) {
      const isWithin = this.records.length - count <= countMax && this.bytes - bytes <= bytesMax;
      if (isWithin && record.atMs >= oldestMs) break;
      this.forgotten = Math.max(this.forgotten, record.number);
      bytes += size;
      count++;
    }
    if (count > 0) this.records.splice(0, count);
    this.bytes -= bytes;
    return bytes;
  }
}

import type { ShardOptions } from '@gala/lib/jobs';
import type { DatabaseUrls } from '@gala/lib/sql';

export const roomCount = 100_000;

/** What a worker is started with. */
export interface WorkerSetup {
  readonly urls: DatabaseUrls;
  readonly processId: string;
  readonly job: ShardOptions;
}

/** One tick, as its worker tells it. */
export interface TickSeen {
  readonly partition: number;
  readonly tick: number;
  readonly visits: number;
  readonly lateMs: number;
}

const byPartition = new Map<number, Uint32Array>();

/** Rooms by their id alone, spread by a hash: which workers there are changes nothing about it. */
export function roomsOfPartition(partition: number, of: number): Uint32Array {
  let rooms = byPartition.get(partition);
  if (!rooms) {
    const all = Uint32Array.from({ length: roomCount }, (_, room) => room);
    rooms = all.filter((room) => Math.imul(room, 2_654_435_761) >>> (32 - Math.log2(of)) === partition);
    byPartition.set(partition, rooms);
  }
  return rooms;
}

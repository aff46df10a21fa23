import { LoadingCache, loadingCacheCounterNames, type LoadingCacheOptions } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import type { Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import type { RoomConfig } from './config.ts';
import type { Host, Room } from './room.ts';
import { findHost } from './store/hosts.ts';
import type { Recording } from './recordings.ts';
import { listRecordings } from './store/recordings.ts';
import { findPresentRoom, findRoom } from './store/rooms.ts';

export interface ReadParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly metrics: Metrics;
}

/** Rooms and hosts as viewers ask for them: a moment old, and answered on while a database is down. */
export class Reads {
  readonly #sql: Sql;
  readonly #rooms: LoadingCache<number, Room | undefined>;
  readonly #presentRooms: LoadingCache<number, Room | undefined>;
  readonly #hosts: LoadingCache<number, Host | undefined>;
  readonly #recordings: LoadingCache<number, readonly Recording[] | undefined>;

  constructor({ sql, clock, config, metrics }: ReadParts) {
    this.#sql = sql;
    const options = <Value>(name: string): LoadingCacheOptions<Value | undefined> => ({
      clock,
      entriesMax: config.cacheEntriesMax,
      ttlMs: config.readTtlMs,
      staleMsMax: config.staleMsMax,
      isKept: (value) => value !== undefined,
      counters: metrics.counters(`room_${name}_cache`, loadingCacheCounterNames),
    });
    this.#rooms = new LoadingCache(options<Room>('room'));
    this.#presentRooms = new LoadingCache(options<Room>('present'));
    this.#hosts = new LoadingCache(options<Host>('host'));
    this.#recordings = new LoadingCache(options<readonly Recording[]>('recording'));
  }

  room(roomId: number): Promise<Room | undefined> {
    return this.#rooms.get(roomId, () => findRoom(this.#sql.shard(shardOfRoom(roomId)).pool, roomId));
  }

  presentRoom(hostId: number): Promise<Room | undefined> {
    const load = () => findPresentRoom(this.#sql.shard(shardOfUser(hostId)).pool, hostId);
    return this.#presentRooms.get(hostId, load);
  }

  host(hostId: number): Promise<Host | undefined> {
    return this.#hosts.get(hostId, () => findHost(this.#sql.shard(shardOfUser(hostId)).pool, hostId));
  }

  /** What there is to replay of a room, in the order of time. */
  async recordings(roomId: number): Promise<readonly Recording[]> {
    const load = () => listRecordings(this.#sql.shard(shardOfRoom(roomId)).pool, roomId);
    return (await this.#recordings.get(roomId, load)) ?? [];
  }

  forgetRecordings(roomId: number): void {
    this.#recordings.delete(roomId);
  }

  /** What this process changed it reads anew; other processes learn it within `readTtlMs`. */
  forget({ roomId, hostId }: { readonly roomId?: number; readonly hostId: number }): void {
    if (roomId) this.#rooms.delete(roomId);
    this.#presentRooms.delete(hostId);
    this.#hosts.delete(hostId);
  }
}

import { LoadingCache, loadingCacheCounterNames, type LoadingCacheOptions } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import type { Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import type { RoomConfig } from './config.ts';
import type { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import type { RowSource } from './reader/db-reader.ts';
import type { HostProfile, Room } from './room.ts';
import type { Recording } from './recordings.ts';
import { listRecordings } from './store/recordings.ts';
import { findPresentRoom } from './store/rooms.ts';

export interface ReadParts {
  readonly sql: Sql;
  /** Rows by id. */
  readonly source: RowSource;
  readonly ongoing: OngoingRooms;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly metrics: Metrics;
}

/** Keys whose version this process has changed and remembers. */
const versionsMax = 4096;

/** Rooms and hosts as viewers ask for them: a moment old, and answered on while a database is down. */
export class Reads {
  readonly #parts: ReadParts;
  readonly #rooms: LoadingCache<number, Room | undefined>;
  readonly #presentRooms: LoadingCache<number, Room | undefined>;
  readonly #hosts: LoadingCache<number, HostProfile | undefined>;
  readonly #recordings: LoadingCache<number, readonly Recording[] | undefined>;
  readonly #roomVersions = new Versions();
  readonly #hostVersions = new Versions();

  constructor(parts: ReadParts) {
    this.#parts = parts;
    const { clock, config, metrics } = parts;
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
    this.#hosts = new LoadingCache(options<HostProfile>('host'));
    this.#recordings = new LoadingCache(options<readonly Recording[]>('recording'));
  }

  room(roomId: number): Promise<Room | undefined> {
    return this.#rooms.get(roomId, () => this.#parts.source.room(roomId, this.#roomVersions.of(roomId)));
  }

  presentRoom(hostId: number): Promise<Room | undefined> {
    const { sql } = this.#parts;
    const load = () => sql.read(shardOfUser(hostId), (client) => findPresentRoom(client, hostId));
    return this.#presentRooms.get(hostId, load);
  }

  host(hostId: number): Promise<HostProfile | undefined> {
    return this.#hosts.get(hostId, () => this.#parts.source.host(hostId, this.#hostVersions.of(hostId)));
  }

  /** What there is to replay of a room, in the order of time. */
  async recordings(roomId: number): Promise<readonly Recording[]> {
    const { sql } = this.#parts;
    const load = () => sql.read(shardOfRoom(roomId), (client) => listRecordings(client, roomId));
    return (await this.#recordings.get(roomId, load)) ?? [];
  }

  forgetRecordings(roomId: number): void {
    this.#recordings.delete(roomId);
  }

  /** What this process committed it reads anew; other processes learn it within `readTtlMs`. */
  roomChanged(room: Room): void {
    this.#roomVersions.note(room.roomId, room.version);
    this.#rooms.delete(room.roomId);
    this.#presentRooms.delete(room.hostId);
    this.#hosts.delete(room.hostId);
    this.#parts.ongoing.note(room);
  }

  /** @param version 0 when it is not known */
  hostChanged({ hostId, version }: Pick<HostProfile, 'hostId' | 'version'>): void {
    this.#hostVersions.note(hostId, version);
    this.#presentRooms.delete(hostId);
    this.#hosts.delete(hostId);
  }
}

/** The versions that this process has written last, the oldest forgotten first. */
class Versions {
  readonly #versions = new Map<number, number>();

  of(key: number): number {
    return this.#versions.get(key) ?? 0;
  }

  note(key: number, version: number): void {
    const greatest = Math.max(version, this.of(key));
    this.#versions.delete(key);
    this.#versions.set(key, greatest);
    if (this.#versions.size > versionsMax) this.#versions.delete(this.#versions.keys().next().value!);
  }
}

import {
  LoadingCache,
  loadingCacheCounterNames,
  type Caches,
  type LoadingCacheOptions,
  type Sourced,
  type TieredCache,
} from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import type { Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { composeRoomId, hostOfRoom, shardOfRoom, shardOfUser, splitRoomId } from '@gala/protocol/ids';
import { RoomFinder } from './archive/room-finder.ts';
import type { RoomConfig } from './config.ts';
import type { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import type { RowSource } from './reader/db-reader.ts';
import { isOnAir, type HostProfile, type Room } from './room.ts';
import type { Recording } from './recordings.ts';
import type { Connection } from './store/connection.ts';
import { listRecordings } from './store/recordings.ts';
import { findPresentRoom } from './store/rooms.ts';

export interface ReadParts {
  readonly sql: Sql;
  /** Rows by id. */
  readonly source: RowSource;
  readonly ongoing: OngoingRooms;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly metrics: Metrics;
}

/** Keys whose version this process has changed and remembers. */
const versionsMax = 4096;

/** Above the versions of the rows of one room. */
const rowVersions = 2 ** 32;

/**
 * Rooms and hosts as viewers ask for them: a moment old, and answered on while a database is down. Rooms are kept in
 * the levels that processes share, and a change is told to all of them; hosts and recordings stay in this process,
 * since what lies with a host is not for others to see.
 */
export class Reads {
  readonly #parts: ReadParts;
  readonly #rooms: TieredCache<Room>;
  readonly #presentRooms: TieredCache<Room>;
  readonly #hosts: LoadingCache<number, HostProfile | undefined>;
  readonly #recordings: LoadingCache<number, readonly Recording[] | undefined>;
  readonly #roomVersions = new Versions();
  readonly #hostVersions = new Versions();

  constructor(parts: ReadParts) {
    this.#parts = parts;
    const { clock, config, metrics, caches } = parts;
    const options = <Value>(name: string): LoadingCacheOptions<Value | undefined> => ({
      clock,
      entriesMax: config.cacheEntriesMax,
      ttlMs: config.readTtlMs,
      staleMsMax: config.staleMsMax,
      isKept: (value) => value !== undefined,
      counters: metrics.counters(`room_${name}_cache`, loadingCacheCounterNames),
    });
    const bounds = boundsOf(config);
    const finder = new RoomFinder(parts);
    const roomOf = async (key: number) => this.#counted(await finder.find(key, this.#roomVersions.of(key)));
    this.#rooms = caches.open({ name: 'rooms', bounds, load: loadEach(roomOf, ({ version }) => version) });
    this.#presentRooms = caches.open({
      name: 'present-rooms',
      bounds,
      load: loadEach(async (hostId) => this.#counted(await this.#findPresent(hostId)), presentVersion),
    });
    this.#hosts = new LoadingCache(options<HostProfile>('host'));
    this.#recordings = new LoadingCache(options<readonly Recording[]>('recording'));
  }

  room(roomId: number): Promise<Room | undefined> {
    return this.#rooms.get(String(roomId));
  }

  presentRoom(hostId: number): Promise<Room | undefined> {
    return this.#presentRooms.get(String(hostId));
  }

  /** The last room of a host who has not been on air for a while is in the archive alone; its id is known. */
  async #findPresent(hostId: number): Promise<Room | undefined> {
    const find = (client: Connection) => findPresentRoom(client, hostId);
    const room = await this.#parts.sql.read(shardOfUser(hostId), find);
    if (room) return room;
    const sessions = (await this.host(hostId))?.sessionCount ?? 0;
    return sessions > 0 ? this.room(composeRoomId(hostId, sessions)) : undefined;
  }

  /** Counts are not kept by a database that crashes: until the next heart-beat a room has those that were shown last. */
  #counted(room: Room | undefined): Room | undefined {
    const { ongoing } = this.#parts;
    if (!room || !isOnAir(room)) return room;
    if (room.viewers === undefined) return { ...room, viewers: ongoing.get(room.roomId)?.viewers ?? 0 };
    ongoing.setViewers(room.roomId, room.viewers);
    return room;
  }

  host(hostId: number): Promise<HostProfile | undefined> {
    return this.#hosts.get(hostId, () => this.#parts.source.host(hostId, this.#hostVersions.of(hostId)));
  }

  /** Reads hosts and what they show before they are asked for; how many rooms there were. */
  async warm(hostIds: readonly number[]): Promise<number> {
    await Promise.allSettled(hostIds.map((hostId) => this.host(hostId)));
    await this.#presentRooms.warm(hostIds.map(String));
    const shown = await Promise.allSettled(hostIds.map((hostId) => this.presentRoom(hostId)));
    const rooms = shown.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []));
    return this.#rooms.warm(rooms.map(({ roomId }) => String(roomId)));
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

  /** After a commit of this process, which reads it anew from now on; others do when they hear of it. */
  roomChanged(room: Room): void {
    this.#roomVersions.note(room.roomId, room.version);
    void this.#rooms.invalidate(String(room.roomId), room.version);
    void this.#presentRooms.invalidate(String(room.hostId), presentVersion(room));
    this.#hosts.delete(room.hostId);
    this.#parts.ongoing.note(room);
  }

  /** A committed change of any process, as the change feed tells it: also of one that did not live to tell it. */
  roomTold({ roomId, version }: Pick<Room, 'roomId' | 'version'>): void {
    this.#rooms.toldByFeed(String(roomId), version);
    this.#presentRooms.toldByFeed(String(hostOfRoom(roomId)), presentVersion({ roomId, version }));
  }

  /** A change of a host by this process. Others learn it within `readTtlMs`. */
  hostChanged({ hostId, version }: Pick<HostProfile, 'hostId' | 'version'>): void {
    this.#hostVersions.note(hostId, version);
    this.#hosts.delete(hostId);
  }
}

/** Viewer counts are part of an answer and of no version, so no level keeps one longer than an answer may be old. */
function boundsOf({ cacheEntriesMax, readTtlMs, staleMsMax, readerAbsentMs }: RoomConfig) {
  return {
    entriesMax: cacheEntriesMax,
    ttlMs: readTtlMs,
    unheardTtlMs: readTtlMs,
    sharedTtlMs: readTtlMs,
    revalidateMsMax: 0,
    staleMsMax,
    negativeTtlMs: readerAbsentMs,
    jitterShare: 0,
  };
}

/** What a host shows now: a later session is newer, whatever the versions of their rows. */
function presentVersion({ roomId, version }: Pick<Room, 'roomId' | 'version'>): number {
  return splitRoomId(roomId).session * rowVersions + version;
}

/** Each key fails or is answered by itself; the source gathers what is asked for in one turn. */
function loadEach<Value>(
  find: (key: number) => Promise<Value | undefined>,
  versionOf: (value: Value) => number,
) {
  const load = async (key: string): Promise<Sourced<Value>> => {
    try {
      const value = await find(Number(key));
      return { value, version: value ? versionOf(value) : 0 };
    } catch (error) {
      return error instanceof Error ? error : new Error('a row could not be read', { cause: error });
    }
  };
  return (keys: readonly string[]) => Promise.all(keys.map(load));
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

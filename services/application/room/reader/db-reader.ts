import type { BreakerPolicy, Breakers } from '@gala/lib/breaker';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { within } from '@gala/lib/lifecycle';
import type { Metrics } from '@gala/lib/metrics';
import type { Database, Sql } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import { shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import type { RoomConfig } from '../config.ts';
import type { Host, HostProfile, Room } from '../room.ts';
import { findHost, findHosts } from '../store/hosts.ts';
import { findInArchives } from '../archive/find-in-archives.ts';
import { findArchived } from '../store/archive.ts';
import { findRoom, findRooms } from '../store/rooms.ts';
import type { Connection, FoundRows } from '../store/connection.ts';
import { KeyedLoader, loaderCounterNames, type Keyed } from './keyed-loader.ts';

export interface DbReaderParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'readerStatementsMax' | 'readerKeysMax' | 'readerAbsentMs'>;
  readonly metrics: Metrics;
  readonly breakers: Breakers;
}

const archiveLane = 'archives';
const keysPerStatementMax = 512;
/** Shorter than a call may take, so that whoever asks hears of it. */
const statementMsMax = 2000;
const policy: BreakerPolicy = {
  callsMin: 4,
  openMsMin: 1000,
  openMsMax: 5000,
  probeMsMax: 2 * statementMsMax,
};

/** What a caller may ask for of rooms and hosts by id. `leastVersion`: what is older is read again. */
export interface RowSource {
  room(roomId: number, leastVersion?: number): Promise<Room | undefined>;
  host(hostId: number, leastVersion?: number): Promise<HostProfile | undefined>;
  /** From the archives alone; fails when it is in none of those that answer and one does not. */
  archivedRoom(roomId: number): Promise<Room | undefined>;
}

interface Kind<Value extends Keyed> {
  readonly name: string;
  readonly shardOf: (key: number) => number;
  readonly findAll: (db: Connection, keys: readonly number[]) => Promise<FoundRows<Value>>;
  readonly find: (db: Connection, key: number) => Promise<Value | undefined>;
}

/** Reads rows from the databases for everyone; see `KeyedLoader`. A breaker keeps it from a database that is down. */
export class DbReader implements RowSource {
  readonly #parts: DbReaderParts;
  readonly #rooms: KeyedLoader<Room>;
  readonly #hosts: KeyedLoader<Host>;
  readonly #archived: KeyedLoader<Room>;

  constructor(parts: DbReaderParts) {
    this.#parts = parts;
    this.#rooms = this.#loader({ name: 'room', shardOf: shardOfRoom, findAll: findRooms, find: findRoom });
    this.#hosts = this.#loader({ name: 'host', shardOf: shardOfUser, findAll: findHosts, find: findHost });
    this.#archived = new KeyedLoader({
      ...this.#options('archived_room'),
      laneOf: () => archiveLane,
      load: (_, keys) => this.#loadArchived(keys),
    });
  }

  /** @throws CodedError BREAKER_OPEN, UNAVAILABLE, and the errors of the database */
  room(roomId: number, leastVersion?: number): Promise<Room | undefined> {
    return this.#rooms.get(roomId, leastVersion);
  }

  /** @throws CodedError as `room` */
  host(hostId: number, leastVersion?: number): Promise<Host | undefined> {
    return this.#hosts.get(hostId, leastVersion);
  }

  /** @throws CodedError UNAVAILABLE */
  archivedRoom(roomId: number): Promise<Room | undefined> {
    return this.#archived.get(roomId);
  }

  #loader<Value extends Keyed>(kind: Kind<Value>): KeyedLoader<Value> {
    const { sql } = this.#parts;
    return new KeyedLoader<Value>({
      ...this.#options(kind.name),
      laneOf: (key) => sql.shard(kind.shardOf(key)).name,
      load: (lane, keys) => this.#load(kind, lane, keys),
    });
  }

  #options(name: string) {
    const { clock, config, metrics } = this.#parts;
    return {
      clock,
      counters: metrics.counters(`reader_${name}`, loaderCounterNames),
      statementsMax: config.readerStatementsMax,
      keysPerStatementMax,
      keysMax: config.readerKeysMax,
      absentMs: config.readerAbsentMs,
    };
  }

  async #loadArchived(roomIds: readonly number[]): Promise<ReadonlyMap<number, Room | Error>> {
    const { sql, breakers } = this.#parts;
    return findInArchives(sql.archives(), roomIds, ({ name, pool }) => {
      const breaker = breakers.get({ dependency: 'archive', instance: name, policy });
      return breaker.run(() => inTime(findArchived(pool, roomIds)));
    });
  }

  async #load<Value extends Keyed>(kind: Kind<Value>, lane: string, keys: readonly number[]) {
    const { sql, breakers } = this.#parts;
    const database = sql.shards().find(({ name }) => name === lane) as Database;
    const breaker = breakers.get({ dependency: 'shard', instance: lane, policy });
    const { found, elsewhere } = await breaker.run(() => inTime(kind.findAll(database.pool, keys)));
    if (elsewhere.length === 0) return found;
    return new Map([...found, ...(await this.#findElsewhere(kind, elsewhere))]);
  }

  /** A shard that has moved: a transaction finds out where it is now. */
  async #findElsewhere<Value extends Keyed>(kind: Kind<Value>, keys: readonly number[]) {
    const found = new Map<number, Value>();
    for (const key of keys) {
      const value = await this.#parts.sql.tx(kind.shardOf(key), (client) => kind.find(client, key));
      if (value) found.set(key, value);
    }
    return found;
  }
}

/** @throws CodedError DEADLINE_EXCEEDED; what is late ends by the limits of its connection */
function inTime<Value>(reading: Promise<Value>): Promise<Value> {
  return within(statementMsMax, reading, () => {
    throw new CodedError(commonErrors, 'DEADLINE_EXCEEDED');
  });
}

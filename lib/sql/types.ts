import type { Kysely } from 'kysely';
import type { Client, Pool, PoolClient } from 'pg';

/** Logical shards of a region; they map to databases in the watched record `sql/shard-map`. */
export const logicalShardCount = 1024;

/** One physical database: a pool from the process's budget and typed queries over it. */
export interface Database<Tables = unknown> {
  readonly name: string;
  /** Promises only; `int8` comes as a number. Errors: DATABASE_UNAVAILABLE, DATABASE_BUSY, STATEMENT_TIMEOUT. */
  readonly pool: Pool;
  readonly kysely: Kysely<Tables>;
  /** A connection outside the pool, for LISTEN and COPY; the caller ends it. `timeoutMs` bounds each statement. */
  openClient(timeoutMs?: number): Promise<Client>;
  /** A connection that speaks the replication protocol; the caller ends it. */
  openReplication(): Promise<Client>;
}

export interface Sql {
  /** Accounts' look-ups, coord, keys: what is not sharded. */
  core<Tables>(): Database<Tables>;
  /** Physical shard databases in the order of the map, for bounded scatters. */
  shards<Tables>(): readonly Database<Tables>[];
  /** The database that holds a logical shard (0..1023). */
  shard<Tables>(shard: number): Database<Tables>;
  /**
   * Runs `work` in one transaction on the database of a logical shard, after checking there that the
   * database owns the shard; a stale map is refreshed and retried once (WRONG_SHARD after that).
   */
  tx<Result>(shard: number, work: (client: PoolClient) => Promise<Result>): Promise<Result>;
  /** True while the core database answers. */
  healthy(): boolean;
}

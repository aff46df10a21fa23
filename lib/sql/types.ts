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
  /** Databases of what has ended, oldest first: only the last takes writes, and nothing in them ever changes. */
  archives<Tables>(): readonly Database<Tables>[];
  /**
   * The database that holds a logical shard (0..1023), as far as this process knows: a hint, since shards move.
   * Statements on the rows of a shard go through `tx`, `read` or `readEach`.
   */
  shard<Tables>(shard: number): Database<Tables>;
  /**
   * Runs `work` in one transaction on the database of a logical shard, after checking there that the
   * database owns the shard, which it then does until the end of the transaction. While a shard moves its
   * transactions wait (under a second) and run where it went. Errors: WRONG_SHARD when it is nowhere.
   */
  tx<Result>(shard: number, work: (client: PoolClient) => Promise<Result>): Promise<Result>;
  /**
   * Runs `work`, which only reads, on the database of a logical shard, and again elsewhere if that database turns out
   * not to own the shard: one more round trip than the statement alone, no transaction. Errors: WRONG_SHARD.
   */
  read<Result>(shard: number, work: (client: PoolClient) => Promise<Result>): Promise<Result>;
  /** `read` for many shards: `work` runs once for each database with those of its shards that are asked for. */
  readEach<Result>(
    shards: readonly number[],
    work: (client: PoolClient, shards: readonly number[]) => Promise<Result>,
  ): Promise<Result[]>;
  /** True while the core database answers. */
  healthy(): boolean;
}

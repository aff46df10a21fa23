import type { Database, Sql } from '@gala/lib/sql';

/** A connection inside `sql.tx`. */
export type Transaction = Parameters<Parameters<Sql['tx']>[1]>[0];
/** For statements that run alone or inside a transaction. */
export type Connection = Database['pool'] | Transaction | Awaited<ReturnType<Database['openClient']>>;

/** Rows that a database found by key, and keys whose shard it does not own. */
export interface FoundRows<Value> {
  readonly found: ReadonlyMap<number, Value>;
  readonly elsewhere: readonly number[];
}

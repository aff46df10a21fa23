import type { Database, Sql } from '@gala/lib/sql';

/** A connection inside `sql.tx` or `sql.read`, or any of a database. */
export type Connection = Database['pool'] | Parameters<Parameters<Sql['tx']>[1]>[0];

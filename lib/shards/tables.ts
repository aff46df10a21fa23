import { escapeIdentifier, type Client } from 'pg';
import { CodedError } from '../error/index.ts';
import { shardErrors } from './errors.ts';

export interface ShardedTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly key: readonly string[];
  /** False: what is in it may be lost at any time and comes again, so it does not go along. */
  readonly isLogged: boolean;
}

type Connection = Pick<Client, 'query'>;

/** Tables (whole ones, not their partitions) with `shard` first in the primary key, but for the owners' own. */
const tablesText = `
  select c.oid::int as oid, c.relname as name, c.relpersistence = 'p' as "isLogged",
    (select array_agg(a.attname::text order by k.place) from unnest(i.indkey::int2[]) with ordinality k(number, place)
     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number) as key,
    (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
     from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
    (select coalesce(array_agg(distinct f.confrelid::int), '{}') from pg_constraint f
     where f.contype = 'f' and f.confrelid <> c.oid
       and (f.conrelid = c.oid or f.conrelid in (select inhrelid from pg_inherits where inhparent = c.oid))) as parents
  from pg_class c join pg_index i on i.indrelid = c.oid and i.indisprimary
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and c.relname <> 'shard_owner'
    and exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0] and a.attname = 'shard')
  order by c.relname`;

interface TableRow extends ShardedTable {
  readonly oid: number;
  readonly parents: readonly number[];
}

/** In an order in which rows may be inserted: what a foreign key points to comes first. Errors: SHARD_MISFIT. */
export async function listShardedTables(client: Connection): Promise<ShardedTable[]> {
  const { rows } = await client.query<TableRow>(tablesText);
  const sorted: TableRow[] = [];
  const open = new Set(rows);
  while (open.size > 0) {
    const waiting = new Set([...open].map(({ oid }) => oid));
    const ready = [...open].filter(({ parents }) => !parents.some((parent) => waiting.has(parent)));
    if (ready.length === 0) throw misfit('foreign keys go round in a circle');
    for (const table of ready) {
      open.delete(table);
      sorted.push(table);
    }
  }
  return sorted.map(({ name, columns, key, isLogged }) => ({ name, columns, key, isLogged }));
}

/** Errors: SHARD_MISFIT when the two databases are not of one version. */
export function assertSameTables(source: readonly ShardedTable[], target: readonly ShardedTable[]): void {
  const lineOf = ({ name, columns, key }: ShardedTable): string => {
    const listed = columns
      .map((column) => `${column.name} ${column.type}`)
      .sort((a, b) => a.localeCompare(b));
    return `${name} (${listed.join(', ')}) by ${key.join(', ')}`;
  };
  const shape = (tables: readonly ShardedTable[]): string => JSON.stringify(tables.map(lineOf));
  if (shape(source) !== shape(target)) throw misfit('its tables are not those of the source');
}

export function misfit(detail: string): CodedError {
  return new CodedError(shardErrors, 'SHARD_MISFIT', { detail });
}

export const quoted = escapeIdentifier;

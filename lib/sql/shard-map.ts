import { Client, type Pool } from 'pg';
import { CodedError, invariant } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { DatabaseUrls } from './databases.ts';
import { sqlErrors } from './errors.ts';
import { migrate, type MigrationSet } from './migrate.ts';
import { sqlMigrations } from './shard-schema.ts';
import { logicalShardCount } from './types.ts';

/** Key of the watched record (lib/coord) that maps logical shards to databases. */
export const shardMapKey = 'sql/shard-map';

/** `owners[shard]` is the index of a database in the settings' order. */
export interface ShardMap {
  readonly version: number;
  readonly owners: Uint16Array;
}

/** As stored: `[database, first shard, last shard]`, every shard exactly once. */
interface StoredShardMap {
  readonly ranges: readonly (readonly [database: number, first: number, last: number])[];
}

/**
 * Brings all databases of an installation to the newest schema and, on the first start, spreads the
 * logical shards evenly over them. Run by the supervisor only, before any process opens them.
 * Errors: those of `migrate`, WRONG_SHARD when a URL leads to another shard's database.
 */
export async function prepareDatabases(options: {
  urls: DatabaseUrls;
  sets: readonly MigrationSet[];
  logger: Logger;
}): Promise<void> {
  const { urls, logger } = options;
  const sets = [...sqlMigrations, ...options.sets];
  await migrate({ url: urls.core, kind: 'core', sets, logger });
  await Promise.all(urls.shards.map((url) => migrate({ url, kind: 'shard', sets, logger })));
  const map = await withClient(urls.core, (client) => seedShardMap(client, urls.shards.length));
  await Promise.all(
    urls.shards.map((url, database) => withClient(url, (client) => claimShards(client, database, map))),
  );
}

/** Reads the map, which must name no database that the settings lack. Errors: WRONG_SHARD. */
export async function readShardMap(
  client: Pick<Client | Pool, 'query'>,
  databaseCount: number,
): Promise<ShardMap> {
  const text = 'select version, value from coord_record where key = $1';
  const { rows } = await client.query<{ version: number | string; value: StoredShardMap }>(text, [
    shardMapKey,
  ]);
  const [row] = rows;
  if (!row) throw new CodedError(sqlErrors, 'WRONG_SHARD', { detail: 'the databases are not prepared' });
  return expandMap(Number(row.version), row.value, databaseCount);
}

function expandMap(version: number, stored: StoredShardMap, databaseCount: number): ShardMap {
  const owners = new Uint16Array(logicalShardCount).fill(0xffff);
  for (const [database, first, last] of stored.ranges) owners.fill(database, first, last + 1);
  const unknown = owners.findIndex((database) => database >= databaseCount);
  if (unknown === -1) return { version, owners };
  const detail = `shard ${unknown} is on database ${owners[unknown]}, the settings name ${databaseCount}`;
  throw new CodedError(sqlErrors, 'WRONG_SHARD', { detail });
}

/** Equal, contiguous parts: the record stays a few bytes and a move changes one range. */
export function evenRanges(databaseCount: number): StoredShardMap['ranges'] {
  invariant(databaseCount >= 1 && databaseCount <= logicalShardCount, 'between 1 and 1024 databases');
  const start = (index: number): number => Math.floor((index * logicalShardCount) / databaseCount);
  return Array.from(
    { length: databaseCount },
    (_, index) => [index, start(index), start(index + 1) - 1] as const,
  );
}

/** The shortest form that is read back as these owners. */
export function storedRanges(owners: Uint16Array): StoredShardMap['ranges'] {
  const ranges: [number, number, number][] = [];
  for (const [shard, database] of owners.entries()) {
    const last = ranges.at(-1);
    if (last?.[0] === database) last[2] = shard;
    else ranges.push([database, shard, shard]);
  }
  return ranges;
}

async function seedShardMap(client: Client, databaseCount: number): Promise<ShardMap> {
  const text =
    'insert into coord_record(key, version, value) values ($1, 1, $2) on conflict (key) do nothing';
  await client.query(text, [shardMapKey, JSON.stringify({ ranges: evenRanges(databaseCount) })]);
  return readShardMap(client, databaseCount);
}

/** On first use writes which shards a database owns, and its place in the map so that URLs cannot be swapped. */
async function claimShards(client: Client, database: number, { version, owners }: ShardMap): Promise<void> {
  const shards = [...owners.keys()].filter((shard) => owners[shard] === database);
  const { rows } = await client.query<{ database: number; fresh: boolean }>(
    `with claimed as (insert into shard_database(database) values ($1) on conflict (id) do nothing returning database),
     owned as (insert into shard_owner(shard, map_version) select unnest($2::smallint[]), $3 where exists (select from claimed))
     select database from claimed union select database from shard_database`,
    [database, shards, version],
  );
  if (rows[0]?.database === database) return;
  const detail = `database ${database} of the settings is database ${rows[0]?.database} of the map`;
  throw new CodedError(sqlErrors, 'WRONG_SHARD', { detail });
}

async function withClient<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

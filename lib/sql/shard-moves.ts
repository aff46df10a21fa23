import type { Client, Pool } from 'pg';
import { readShardMap, shardMapKey, storedRanges, type ShardMap } from './shard-map.ts';

/** Others may change the map at the same time: moves of other shards. */
const finishAttemptsMax = 20;

type Connection = Pick<Client | Pool, 'query'>;

/**
 * Those of `shards` that the database owns, and did when the map was read: a map that is older than the arrival of
 * a shard does not prove that the rows were there already when they were asked for.
 */
export async function listOwned(
  client: Connection,
  shards: readonly number[],
  mapVersion: number,
): Promise<ReadonlySet<number>> {
  const { rows } = await client.query<{ shard: number }>({
    name: 'shard-list-owned',
    text: `select shard from shard_owner
           where shard = any($1::smallint[]) and map_version <= $2`,
    values: [shards, mapVersion],
  });
  return new Set(rows.map(({ shard }) => shard));
}

export interface Departure {
  /** Database of the map's order. */
  readonly to: number;
  readonly token: string;
}

/** Where a shard went that this database owned before. */
export async function findDeparture(client: Connection, shard: number): Promise<Departure | undefined> {
  const { rows } = await client.query<Departure>(
    'select left_to as to, token from shard_departure where id = $1',
    [shard],
  );
  return rows[0];
}

export interface FinishOptions {
  readonly core: Connection;
  /** Databases in the map's order. */
  readonly shards: readonly Connection[];
  readonly shard: number;
}

/**
 * Brings a move that was decided to its end: the rows to their place, the map to the truth. Anybody may do it, any
 * number of times and at once. Answers the map as it is then.
 */
export async function finishMove({ core, shards, shard }: FinishOptions): Promise<ShardMap> {
  for (let attempt = 0; attempt < finishAttemptsMax; attempt++) {
    const map = await readShardMap(core, shards.length);
    const from = map.owners[shard];
    const departure = await findDeparture(shards[from], shard);
    if (!departure) return map;
    const { rows } = await shards[departure.to].query<{ owned: boolean }>(
      'select shard_arrive($1, $2) as owned',
      [shard, departure.token],
    );
    // Not there either: it has gone on, and the map that was read is old.
    if (!rows[0].owned) return readShardMap(core, shards.length);
    // The target owns it after the map was read, so only this move can be what the map lacks.
    await replaceMap(core, map, (owners) => (owners[shard] = departure.to));
  }
  return readShardMap(core, shards.length);
}

/** False when another has changed the map since it was read. */
async function replaceMap(
  core: Connection,
  map: ShardMap,
  change: (owners: Uint16Array) => void,
): Promise<boolean> {
  const owners = map.owners.slice();
  change(owners);
  const { rowCount } = await core.query(
    'update coord_record set version = version + 1, value = $2 where key = $1 and version = $3',
    [shardMapKey, JSON.stringify({ ranges: storedRanges(owners) }), map.version],
  );
  return rowCount === 1;
}

import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { openDatabase } from './pool.ts';
import { evenRanges, prepareDatabases, readShardMap, shardMapKey } from './shard-map.ts';
import { connectionPlan, openSql } from './sql.ts';
import { openWire, startTestPostgres, type TestPostgres } from './testing/index.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function databaseOf(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ name: string }>('select current_database() as name');
  return rows[0].name;
}

async function setRanges(ranges: readonly (readonly [number, number, number])[]): Promise<void> {
  await postgres.sql
    .core()
    .pool.query('update coord_record set version = version + 1, value = $2 where key = $1', [
      shardMapKey,
      JSON.stringify({ ranges }),
    ]);
}

test('a transaction runs on the database that owns the shard', async () => {
  expect(await postgres.sql.tx(0, databaseOf)).toBe('gala_s0');
  expect(await postgres.sql.tx(511, databaseOf)).toBe('gala_s0');
  expect(await postgres.sql.tx(512, databaseOf)).toBe('gala_s1');
  expect(await postgres.sql.tx(1023, databaseOf)).toBe('gala_s1');
});

test('a stale map is refreshed once, and work never runs where the shard is not', async () => {
  const [s0, s1] = postgres.sql.shards();
  const work = vi.fn(databaseOf);
  await s0.pool.query('delete from shard_owner where shard = 17');
  await expect(postgres.sql.tx(17, work)).rejects.toMatchObject({ code: 'WRONG_SHARD' });
  expect(work).not.toHaveBeenCalled();

  await s1.pool.query('insert into shard_owner(shard, map_version) values (17, 2)');
  await setRanges([...evenRanges(2), [1, 17, 17]]);
  expect(await postgres.sql.tx(17, work)).toBe('gala_s1');
  expect(work).toHaveBeenCalledTimes(1);
});

test('a transaction waits for a move of its shard and then sees where it went', async () => {
  const mover = await postgres.sql.shards()[0].openClient();
  await mover.query(
    'begin; select pg_advisory_xact_lock(1936220772, 18); delete from shard_owner where shard = 18',
  );
  const waiting = postgres.sql.tx(18, databaseOf);
  await vi.waitFor(async () => {
    const { rowCount } = await mover.query(
      "select 1 from pg_locks where locktype = 'advisory' and not granted",
    );
    expect(rowCount).toBe(1);
  });
  await postgres.sql.shards()[1].pool.query('insert into shard_owner(shard, map_version) values (18, 3)');
  await setRanges([...evenRanges(2), [1, 17, 18]]);
  await mover.query('commit');
  expect(await waiting).toBe('gala_s1');
  await mover.end();
});

test('reads with an old map find the shard, and what failed where it is not does not count', async () => {
  const [s0, s1] = postgres.sql.shards();
  await s0.pool.query('create table if not exists place (name text); insert into place values ($$old$$)');
  await s1.pool.query('create table if not exists place (name text); insert into place values ($$new$$)');
  const read = async (client: PoolClient): Promise<string> => {
    const { rows } = await client.query<{ name: string }>('select name from place');
    if (rows[0].name === 'old') throw new Error('nothing there');
    return rows[0].name;
  };
  await expect(postgres.sql.read(19, read)).rejects.toThrow('nothing there');
  await s0.pool.query('delete from shard_owner where shard in (19, 20)');
  await s1.pool.query('insert into shard_owner(shard, map_version) values (19, 4), (20, 4)');
  await setRanges([...evenRanges(2), [1, 17, 20]]);
  expect(await postgres.sql.read(19, read)).toBe('new');
  const parts = await postgres.sql.readEach([1, 19, 20, 600], async (client, shards) => ({
    name: await databaseOf(client),
    shards,
  }));
  expect(parts).toContainEqual({ name: 'gala_s0', shards: [1] });
  expect(new Set(parts.flatMap(({ shards }) => shards))).toEqual(new Set([1, 19, 20, 600]));
  await s0.pool.query('delete from shard_owner where shard = 21');
  await expect(postgres.sql.read(21, databaseOf)).rejects.toMatchObject({ code: 'WRONG_SHARD' });
});

test('what fails in a transaction is rolled back, and a swallowed error does not commit', async () => {
  await postgres.sql.shard(0).pool.query('create table notes (text text not null unique)');
  const insert = async (client: PoolClient): Promise<void> => {
    await client.query("insert into notes values ('one')");
    await client.query("insert into notes values ('one')");
  };
  await expect(postgres.sql.tx(0, insert)).rejects.toMatchObject({ code: '23505' });
  const swallow = (client: PoolClient): Promise<void> => insert(client).catch(() => undefined);
  await expect(postgres.sql.tx(0, swallow)).rejects.toThrow('invariant broken');
  expect((await postgres.sql.shard(0).pool.query('select * from notes')).rows).toEqual([]);
});

test('int8 is a number, alone and in arrays, and never rounded', async () => {
  const { pool } = postgres.sql.core();
  const text = `select 9007199254740991::int8 as id, array[1, null, 9007199254740991]::int8[] as ids, 7 as small`;
  expect((await pool.query(text)).rows).toEqual([
    { id: 9007199254740991, ids: [1, null, 9007199254740991], small: 7 },
  ]);
  await expect(pool.query('select 9007199254740993::int8')).rejects.toThrow(RangeError);
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('a slow statement and a full pool end in time with their codes', async () => {
  const metrics = createMetrics('small');
  const small = await openSql({
    ...postgres,
    connectionsMax: 3,
    processName: 'small',
    metrics,
    clock: systemClock,
    statementTimeoutMs: 300,
  });
  const { pool } = small.shard(0);
  await expect(pool.query('select pg_sleep(5)')).rejects.toMatchObject({ code: 'STATEMENT_TIMEOUT' });
  const only = await pool.connect();
  await expect(small.tx(0, databaseOf)).rejects.toMatchObject({ code: 'DATABASE_BUSY' });
  only.release();
  expect(await small.tx(0, databaseOf)).toBe('gala_s0');
  expect(await metrics.text()).toMatch(/gala_sql_busy_total\S* 1/);
  await small[Symbol.asyncDispose]();
});

test('a server that goes silent is given up, and its connection not used again', async () => {
  await using wire = await openWire(postgres.urls.core);
  const failures: string[] = [];
  const onFailure = (code: string): void => void failures.push(code);
  const options = { name: 'core', url: wire.url, connectionsMax: 1, processName: 'test', onFailure };
  const database = openDatabase({ ...options, statementTimeoutMs: 100 });
  await database.pool.query('select 1');
  wire.cut();
  await expect(database.pool.query('select 1')).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(database.pool.totalCount).toBe(0);
  expect(failures).toEqual(['DATABASE_UNAVAILABLE']);
  await database[Symbol.asyncDispose]();
});

test('a database that is away is unavailable at once and used again when it is back', async () => {
  const { sql } = postgres;
  const open = await sql.core().pool.connect();
  await postgres.stop();
  await expect(open.query('select 1')).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  open.release();
  const failedMs = performance.now();
  await expect(sql.tx(0, databaseOf)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  const typed = sql.core<{ coord_record: { key: string } }>().kysely.selectFrom('coord_record').select('key');
  await expect(typed.execute()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(performance.now() - failedMs).toBeLessThan(2000);
  expect(sql.healthy()).toBe(false);
  await postgres.start();
  await vi.waitFor(() => expect(sql.healthy()).toBe(true), { timeout: 3000 });
  expect(await sql.tx(0, databaseOf)).toBe('gala_s0');
});

test('preparing again changes nothing, and swapped URLs are found out', async () => {
  const { urls, logger, sql } = postgres;
  const before = await readShardMap(sql.core().pool, 2);
  await prepareDatabases({ urls, sets: [], logger });
  expect(await readShardMap(sql.core().pool, 2)).toEqual(before);
  const swapped = { ...urls, shards: urls.shards.toReversed() };
  await expect(prepareDatabases({ urls: swapped, sets: [], logger })).rejects.toMatchObject({
    code: 'WRONG_SHARD',
  });
  const fewer = { ...urls, shards: urls.shards.slice(0, 1) };
  await expect(prepareDatabases({ urls: fewer, sets: [], logger })).rejects.toMatchObject({
    code: 'WRONG_SHARD',
  });
});

test('every logical shard is in exactly one range, and the budget is never exceeded', () => {
  for (const databases of [1, 2, 3, 7, 1024]) {
    const shards = evenRanges(databases).flatMap(([, first, last]) => [first, last]);
    expect(shards[0]).toBe(0);
    expect(shards.at(-1)).toBe(1023);
    for (let at = 2; at < shards.length; at += 2) expect(shards[at]).toBe(shards[at - 1] + 1);
  }
  expect(connectionPlan(10, 2, 1)).toEqual({ core: 3, shard: 3, archive: 1 });
  for (const [budget, shards, archives] of [
    [10, 2, 1],
    [12, 3, 2],
    [50, 8, 3],
    [100, 2, 1],
  ]) {
    const plan = connectionPlan(budget, shards, archives);
    expect(plan.core + plan.shard * shards + plan.archive * archives).toBe(budget);
  }
});

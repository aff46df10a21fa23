import type { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { coordMigrations, openPostgresCoord, type OpenCoord } from '../coord/index.ts';
import { createMetrics, type Metrics } from '../metrics/index.ts';
import type { Database, MigrationSet } from '../sql/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import type { Change } from './change.ts';
import { startChangeReaders } from './reader.ts';
import { Replication } from './replication.ts';
import { markMove } from './slot.ts';
import { TestLog } from './testing.ts';

let postgres: TestPostgres;
let coord: OpenCoord;
let log: TestLog;
let reader: AsyncDisposable;
let metrics: Metrics;
let database: Database;

const topic = { name: 'show-changes', partitions: 4, retentionMs: 3_600_000 };
const within = { timeout: 20_000, interval: 20 };

const tables: MigrationSet = {
  name: 'show',
  kind: 'shard',
  migrations: {
    '0001_show': {
      async up(db) {
        const { sql } = await import('kysely');
        await sql`create table show (shard smallint not null, id bigint not null, version int not null, title text,
          secret text, live bool not null default true, primary key (shard, id))`.execute(db);
      },
    },
  },
};

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations, tables] });
  const { sql, logger } = postgres;
  coord = await openPostgresCoord({
    database: sql.core(),
    processId: 'reader',
    clock: systemClock,
    logger,
    metrics: createMetrics('coord'),
  });
  [database] = sql.shards();
  log = new TestLog();
  startReader();
}, 60_000);
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await coord[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

function startReader(): void {
  metrics = createMetrics('reader');
  reader = startChangeReaders({
    databases: [database],
    coord,
    log,
    feeds: [{ topic, tables: [{ name: 'show', columns: ['shard', 'id', 'version', 'title', 'live'] }] }],
    clock: systemClock,
    logger: postgres.logger,
    metrics,
  });
}

async function isStreaming(): Promise<boolean> {
  const text = `select active from pg_replication_slots where slot_name = 'gala_changes_gala_s0'`;
  const { rows } = await database.pool.query<{ active: boolean }>(text);
  return rows[0]?.active ?? false;
}

/** Waits until everything that was committed is in the log. */
async function drained(): Promise<void> {
  const marker = Date.now() * 1000 + Math.floor(Math.random() * 1000);
  for (let shard = 1020; shard < 1024; shard++) await insert(shard, marker);
  await expect
    .poll(() => log.changes.filter(({ row }) => row.id === marker).length, within)
    .toBeGreaterThan(3);
}

function insert(shard: number, id: number): Promise<unknown> {
  return database.pool.query(`insert into show (shard, id, version, title) values ($1, $2, 0, 'a')`, [
    shard,
    id,
  ]);
}

const since = (start: number): Change[] => log.changes.slice(start);

/** What the changes since then left of shard 1, as a replica would have it. */
function replayed(changes: readonly Change[]): Map<unknown, unknown> {
  const rows = new Map<unknown, unknown>();
  for (const { kind, row } of changes) {
    if (row.shard !== 1) continue;
    if (kind === 'delete') rows.delete(row.id);
    else rows.set(row.id, row.version);
  }
  return rows;
}

async function stored(): Promise<Map<unknown, unknown>> {
  const { rows } = await database.pool.query<{ id: number; version: number }>(
    'select id, version from show where shard = 1',
  );
  return new Map(rows.map(({ id, version }) => [id, version]));
}

test('the first slot is told as a gap in every lane', async () => {
  await expect.poll(() => isStreaming(), within).toBe(true);
  const gaps = log.changes.filter(({ kind }) => kind === 'gap');
  expect(gaps).toHaveLength(4);
  expect(new Set(log.records.map(({ partition }) => partition)).size).toBe(4);
});

test('inserts, updates and deletes come in order, typed, without columns that may not leave', async () => {
  const start = log.records.length;
  const { pool } = database;
  await pool.query(`insert into show values (7, 1, 1, repeat('x', 20000), 'key', true)`);
  await pool.query(`alter table show alter column title set storage external`);
  await pool.query(`update show set title = repeat('y', 20000) where id = 1`);
  await pool.query('update show set version = 2, live = false where id = 1');
  await pool.query('update show set id = 2 where id = 1');
  await pool.query('delete from show where id = 2');
  await drained();
  const seen = since(start).filter(({ row }) => row.shard === 7);
  expect(seen.map(({ kind }) => kind)).toEqual(['insert', 'update', 'update', 'update', 'delete']);
  expect(seen[0].row).toEqual({ shard: 7, id: 1, version: 1, title: 'x'.repeat(20_000), live: true });
  expect(seen[2].row, 'a large value that was not touched is absent').toEqual({
    shard: 7,
    id: 1,
    version: 2,
    live: false,
  });
  expect(seen[3]).toMatchObject({ row: { id: 2 }, key: { shard: 7, id: 1 } });
  expect(seen[4].row).toEqual({ shard: 7, id: 2 });
  const order = seen.map(({ lsn, index }) => lsn * 10 + index);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
});

test('a row that is too large for the log comes as its key', async () => {
  const start = log.records.length;
  await database.pool.query(`insert into show values (8, 1, 1, repeat('x', 300000))`);
  await database.pool.query('delete from show where shard = 8');
  await drained();
  const [first] = since(start).filter(({ row }) => row.shard === 8);
  expect(first).toMatchObject({ kind: 'insert', isCut: true, row: { shard: 8, id: 1 } });
  expect(first.row.title).toBeUndefined();
});

test('what a move writes is no change, what is rolled back never happened, a truncation is told', async () => {
  const start = log.records.length;
  const client = await database.openClient();
  await client.query('begin');
  await markMove(client, '9');
  await client.query('insert into show values (9, 1, 1)');
  await client.query('commit');
  await client.query('begin; insert into show values (9, 2, 1); rollback');
  await client.query('insert into show values (9, 3, 1)');
  await client.query('truncate show');
  await client.end();
  await drained();
  const told = since(start);
  expect(told.filter(({ row }) => row.shard === 9).map(({ row }) => row.id)).toEqual([3]);
  expect(told.filter(({ kind }) => kind === 'truncate')).toHaveLength(4);
});

test('nothing is lost while connections are cut and the log is away, and a row ends as it is stored', async () => {
  const start = log.records.length;
  const client = await database.openClient();
  const faults = 6;
  for (let fault = 0; fault < faults; fault++) {
    log.isAway = fault % 2 === 1;
    for (let write = 0; write < 50; write++) await writeSome(client, fault * 50 + write);
    await client.query('select pg_terminate_backend(active_pid) from pg_replication_slots where active');
    for (let write = 0; write < 50; write++) await writeSome(client, fault * 50 + write);
  }
  log.isAway = false;
  await client.end();
  await drained();
  expect(replayed(since(start))).toEqual(await stored());
  expect(await metrics.text()).toMatch(/gala_changes_sessions_total\S* [2-9]/);
});

async function writeSome(client: Client, turn: number): Promise<void> {
  const id = (turn * 7919) % 61;
  await client.query(
    `insert into show (shard, id, version) values (1, $1, $2)
     on conflict (shard, id) do update set version = excluded.version`,
    [id, turn],
  );
  if (turn % 5 === 0) await client.query('delete from show where shard = 1 and id = $1', [(id * 3) % 61]);
}

test('a huge transaction passes in bounded memory, and a log that stands still holds the server back', async () => {
  const start = log.records.length;
  const gate = Promise.withResolvers<void>();
  log.gate = gate.promise;
  const heldBefore = held();
  await database.pool.query(
    `insert into show (shard, id, version, title) select 2, i, 1, repeat('z', 400) from generate_series(1, 100000) i`,
  );
  // The pipe is full when nothing more comes in.
  await expect.poll(() => log.waiting, within).toBeGreaterThan(0);
  let before = 0;
  const isStill = (): boolean => {
    const now = held();
    const same = Math.abs(now - before) < 500_000;
    before = now;
    return same;
  };
  await expect.poll(isStill, { ...within, interval: 500 }).toBe(true);
  const grown = held() - heldBefore;
  log.gate = undefined;
  gate.resolve();
  await expect
    .poll(() => log.records.length - start, { ...within, timeout: 60_000 })
    .toBeGreaterThanOrEqual(100_000);
  console.log(
    `100000 rows, 50 MB in one transaction: ${(grown / 1e6).toFixed(1)} MB held while the log stood still`,
  );
  expect(grown).toBeLessThan(45e6);
  log.records.splice(0);
}, 90_000);

function held(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('a slot that another connection holds is taken from it', async () => {
  await reader[Symbol.asyncDispose]();
  let refused: Error | undefined;
  const foreign = await Replication.open({
    database,
    slot: 'gala_changes_gala_s0',
    publication: 'gala_changes',
    values: 'typed',
    onMessage: () => undefined,
    onEnd: (error) => (refused = error),
  });
  await expect.poll(() => isStreaming(), within).toBe(true);
  startReader();
  await drained();
  expect(refused).toMatchObject({ code: '57P01' });
  foreign.close();
});

test('a fast shutdown is not held up, neither by an idle reader nor by one whose log is away', async () => {
  const stopMs: number[] = [];
  for (const isAway of [false, true]) {
    log.isAway = isAway;
    await insert(3, isAway ? 1 : 2);
    if (!isAway) await drained();
    const begunMs = performance.now();
    await postgres.stop();
    stopMs.push(performance.now() - begunMs);
    await postgres.start();
  }
  log.isAway = false;
  await drained();
  expect(log.changes.filter(({ row }) => row.shard === 3).map(({ row }) => row.id)).toContain(1);
  console.log(`fast shutdown: idle ${stopMs[0].toFixed(0)} ms, log away ${stopMs[1].toFixed(0)} ms`);
  expect(Math.max(...stopMs)).toBeLessThan(5000);
}, 60_000);

test('a slot that was dropped or lost is made anew, and followers are told', async () => {
  const told: string[] = [];
  for (const fault of ['dropped', 'lost'] as const) {
    await reader[Symbol.asyncDispose]();
    await expect.poll(() => isStreaming(), within).toBe(false);
    const start = log.records.length;
    if (fault === 'dropped')
      await database.pool.query(`select pg_drop_replication_slot('gala_changes_gala_s0')`);
    else await loseSlot();
    startReader();
    const gaps = () => since(start).filter(({ kind }) => kind === 'gap').length;
    // What is written before the new slot stands is what is missing; a slot that is lost may be begun once more.
    await expect.poll(gaps, within).toBe(4);
    await expect.poll(() => isStreaming(), within).toBe(true);
    await drained();
    told.push(`${fault}: ${gaps()} gap records`);
    expect(gaps()).toBe(4);
  }
  console.log(told.join(', '));
}, 60_000);

async function loseSlot(): Promise<void> {
  const client = await database.openClient(30_000);
  await client.query(`alter system set max_slot_wal_keep_size = '1MB'`);
  await client.query('select pg_reload_conf()');
  await expect
    .poll(async () => {
      await client.query(
        `select pg_switch_wal() from pg_logical_emit_message(false, 'fill', repeat('x', 1000000))`,
      );
      await client.query('checkpoint');
      const { rows } = await client.query<{ wal_status: string }>(
        'select wal_status from pg_replication_slots',
      );
      return rows[0].wal_status;
    }, within)
    .toBe('lost');
  await client.query('alter system reset max_slot_wal_keep_size');
  await client.query('select pg_reload_conf()');
  await client.end();
}

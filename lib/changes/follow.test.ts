import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { coordMigrations, openPostgresCoord, type OpenCoord } from '../coord/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { copyBinary, type Database } from '../sql/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import type { Change } from './change.ts';
import { followChanges } from './follow.ts';
import { openSnapshotAndFeed } from './one-off.ts';
import { startChangeReaders } from './reader.ts';
import { ensurePublication } from './slot.ts';
import { TestLog } from './testing.ts';

let postgres: TestPostgres;
let coord: OpenCoord;
let database: Database;
const log = new TestLog();

const topic = { name: 'item-changes', partitions: 4, retentionMs: 3_600_000 };
const within = { timeout: 20_000, interval: 20 };

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations] });
  const { sql, logger } = postgres;
  const parts = { processId: 'reader', clock: systemClock, logger, metrics: createMetrics('coord') };
  coord = await openPostgresCoord({ database: sql.core(), ...parts });
  [database] = sql.shards();
  await database.pool.query(`
    create table item (shard smallint not null, id bigint not null, version bigint not null, primary key (shard, id));
    insert into item select i % 8, i, i from generate_series(1, 20000) i`);
}, 60_000);
afterAll(async () => {
  await coord[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** Writes until it is stopped; a version is never used twice. */
function startWriters(count: number): () => Promise<number> {
  const stop = new AbortController();
  let version = 1_000_000;
  const write = async (): Promise<void> => {
    const client = await database.openClient();
    while (!stop.signal.aborted) {
      version++;
      const id = 1 + ((version * 7919) % 25_000);
      await client.query(
        `insert into item values ($1, $2, nextval('versions'))
         on conflict (shard, id) do update set version = excluded.version`,
        [id % 8, id],
      );
      if (version % 7 === 0)
        await client.query('delete from item where shard = $1 and id = $2', [id % 8, id]);
    }
    await client.end();
  };
  const writers = Array.from({ length: count }, write);
  return async () => {
    stop.abort();
    await Promise.all(writers);
    return version - 1_000_000;
  };
}

/** By id its version: what was deleted keeps the version that it had. */
class Replica {
  readonly rows = new Map<number, number>();
  scans = 0;
  readonly seen: string[] = [];

  async scan(): Promise<void> {
    this.scans++;
    const { parts } = await copyBinary(database, {
      selects: [
        'select id, version from item where shard < 4',
        'select id, version from item where shard >= 4',
      ],
      columns: { id: 'int8', version: 'int8' },
    });
    this.rows.clear();
    for (const { rows, columns } of parts) {
      for (let i = 0; i < rows; i++) this.rows.set(columns.id[i], columns.version[i]);
    }
  }

  apply({ kind, row }: Change): void {
    const id = row.id as number;
    if (kind === 'delete') this.rows.delete(id);
    else this.rows.set(id, row.version as number);
  }
}

async function stored(): Promise<Map<number, number>> {
  const { rows } = await database.pool.query<{ id: number; version: number }>('select id, version from item');
  return new Map(rows.map(({ id, version }) => [id, version]));
}

test('replicas become equal to the rows under writes, with gaps, cuts and a log that goes away', async () => {
  await database.pool.query('create sequence versions start 1000000');
  const reader = startChangeReaders({
    databases: [database],
    coord,
    log,
    feeds: [{ topic, tables: [{ name: 'item' }] }],
    clock: systemClock,
    logger: postgres.logger,
    metrics: createMetrics('reader'),
  });
  const stopWriters = startWriters(3);
  const stop = new AbortController();
  const replicas = [new Replica(), new Replica()];
  const following = replicas.map((replica) =>
    followChanges({
      log,
      topic,
      signal: stop.signal,
      scan: () => replica.scan(),
      apply: (change) => replica.apply(change),
      onEvent: (event) => replica.seen.push(event),
    }),
  );
  const admin = await database.openClient();
  const cut = 'select pg_terminate_backend(active_pid) from pg_replication_slots where active';
  await expect.poll(() => log.records.length, within).toBeGreaterThan(500);
  await admin.query(cut);
  log.isAway = true;
  await expect.poll(() => replicas.every(({ scans }) => scans > 0), within).toBe(true);
  log.isAway = false;
  const before = log.records.length;
  await expect.poll(() => log.records.length, within).toBeGreaterThan(before + 500);
  for (const replica of replicas) replica.seen.length = 0;
  // Both at once, so that changes are missing: only the gap record can heal it.
  await admin.query(`${cut} `);
  await expect
    .poll(
      () =>
        admin.query(`select pg_drop_replication_slot('gala_changes_gala_s0')`).then(
          () => true,
          () => admin.query(cut).then(() => false),
        ),
      within,
    )
    .toBe(true);
  await admin.end();
  await expect.poll(() => replicas.every(({ seen }) => seen.includes('gap')), within).toBe(true);
  const later = log.records.length;
  await expect.poll(() => log.records.length, within).toBeGreaterThan(later + 500);
  const writes = await stopWriters();
  const truth = await stored();
  for (const replica of replicas) {
    await expect.poll(() => replica.rows.size, within).toBe(truth.size);
    await expect.poll(() => mismatches(replica.rows, truth), within).toBe(0);
  }
  console.log(
    `${writes} writes, ${truth.size} rows, 2 replicas: 0 differ; scans ${replicas.map(({ scans }) => scans).join(' and ')}`,
  );
  stop.abort();
  await log[Symbol.asyncDispose]();
  await Promise.all(following);
  await reader[Symbol.asyncDispose]();
}, 60_000);

function mismatches(rows: ReadonlyMap<number, number>, truth: ReadonlyMap<number, number>): number {
  return [...truth].filter(([id, version]) => rows.get(id) !== version).length;
}

test('a snapshot and the changes from there on meet without a hole, and leave nothing behind', async () => {
  const stopWriters = startWriters(3);
  const client = await database.openClient();
  await ensurePublication(client, 'once', [{ name: 'item' }]);
  const rows = new Map<number, number>();
  let failure: Error | undefined;
  {
    await using feed = await openSnapshotAndFeed({
      database,
      publication: 'once',
      slot: 'once',
      values: 'typed',
    });
    await client.query(`begin isolation level repeatable read; set transaction snapshot '${feed.snapshot}'`);
    const base = await client.query<{ id: number; version: number }>('select id, version from item');
    for (const { id, version } of base.rows) rows.set(id, version);
    await client.query('commit');
    let events = 0;
    const replication = await feed.stream({
      onMessage: (message) => {
        if (message.kind === 'delete') rows.delete(message.old[1] as number);
        if (message.kind === 'insert' || message.kind === 'update') {
          rows.set(message.row[1] as number, message.row[2] as number);
        }
        if (message.kind === 'commit') {
          events++;
          replication.acknowledge(message.endLsn);
        }
      },
      onEnd: (error) => (failure = error),
    });
    await expect.poll(() => events, within).toBeGreaterThan(200);
    await stopWriters();
    const truth = await stored();
    await expect.poll(() => rows.size === truth.size && mismatches(rows, truth) === 0, within).toBe(true);
  }
  expect(failure).toBeUndefined();
  const slots = () => client.query(`select 1 from pg_replication_slots where slot_name = 'once'`);
  await expect.poll(async () => (await slots()).rowCount, within).toBe(0);
  await client.end();
}, 60_000);

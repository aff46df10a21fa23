import { setTimeout as delay } from 'node:timers/promises';
import { startChangeReaders } from '@gala/lib/changes';
import { systemClock } from '@gala/lib/clock';
import { coordMigrations, openPostgresCoord, type OpenCoord } from '@gala/lib/coord';
import { eventlogMigrations, openPostgresLog, type EventLog } from '@gala/lib/eventlog';
import { createMetrics } from '@gala/lib/metrics';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrations } from '../store/schema.ts';
import { roomFeed } from './room-change.ts';
import { RandomRooms } from './testing/random-rooms.ts';
import { counterOf, differences, openReplica, type Replica } from './testing/replica.ts';
import { setBackLog } from './testing/set-back-log.ts';

const cleanUp = new AsyncDisposableStack();
const within = { timeout: 20_000, interval: 50 };
const seed = Number(process.env['GALA_SEED'] ?? 20_261_121);
let postgres: TestPostgres;
let coord: OpenCoord;
let log: EventLog;
let reader: AsyncDisposable;
let random: RandomRooms;
let replicas: Replica[];

beforeAll(async () => {
  postgres = cleanUp.use(
    await startTestPostgres({ sets: [coordMigrations, eventlogMigrations, ...migrations] }),
  );
  const { sql, logger } = postgres;
  const parts = { clock: systemClock, logger, processId: 'test-1' };
  coord = cleanUp.use(
    await openPostgresCoord({ ...parts, database: sql.core(), metrics: createMetrics('coord') }),
  );
  log = cleanUp.use(
    openPostgresLog({ ...parts, database: sql.core(), coord, metrics: createMetrics('log') }),
  );
  random = await RandomRooms.open(sql, { seed, hosts: 400 });
  await random.batch(200);
  startReader();
  replicas = Array.from({ length: 3 }, () => cleanUp.use(openReplica({ ...parts, sql, log })));
}, 60_000);
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await cleanUp.disposeAsync();
});
beforeEach(async () => {
  await expect.poll(() => replicas.every(({ keeper }) => keeper.isFed), within).toBe(true);
});

function startReader(): void {
  const { sql, logger } = postgres;
  reader = startChangeReaders({
    databases: sql.shards(),
    coord,
    log,
    feeds: [roomFeed],
    clock: systemClock,
    logger,
    metrics: createMetrics('reader'),
  });
}

async function isEqual(): Promise<void> {
  const all = async () =>
    (await Promise.all(replicas.map(({ rooms }) => differences(postgres.sql, rooms)))).flat().slice(0, 5);
  await expect.poll(all, within).toEqual([]);
}

const sum = async (name: string): Promise<number> =>
  (await Promise.all(replicas.map((replica) => counterOf(replica, name)))).reduce((a, b) => a + b, 0);

test('changes reach every replica by the feed alone', async () => {
  // A reader that makes its slots tells of a gap first, so there may be refreshes at the beginning.
  const refreshesMeanwhile = async () => {
    const [refreshes, changes] = [await sum('refreshes'), await sum('changes')];
    for (let round = 0; round < 20; round++) await random.batch(25);
    await isEqual();
    expect(await sum('changes')).toBeGreaterThanOrEqual(changes + 3 * 400);
    return (await sum('refreshes')) - refreshes;
  };
  await expect.poll(refreshesMeanwhile, within).toBe(0);
});

test('what is committed while no reader runs is told by the next', async () => {
  const gaps = await sum('feed_gaps');
  await reader[Symbol.asyncDispose]();
  for (let round = 0; round < 20; round++) await random.batch(25);
  startReader();
  await isEqual();
  expect(await sum('feed_gaps')).toBe(gaps);
});

test('a feed that has lost changes says so, and the databases are read anew', async () => {
  const [gaps, refreshes] = [await sum('feed_gaps'), await sum('refreshes')];
  await reader[Symbol.asyncDispose]();
  for (const { pool } of postgres.sql.shards()) {
    // The server may still be about to learn that the reader has left.
    const active = async () =>
      (await pool.query(`select 1 from pg_replication_slots where database = current_database() and active`))
        .rowCount;
    await expect.poll(active, within).toBe(0);
    await pool.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()`,
    );
  }
  for (let round = 0; round < 20; round++) await random.batch(25);
  startReader();
  await isEqual();
  expect(await sum('feed_gaps')).toBeGreaterThan(gaps);
  expect(await sum('refreshes')).toBeGreaterThan(refreshes);
});

test('a log that was restored to an older state is begun anew', async () => {
  const begunAnew = async () => {
    const counts = replicas.map(async (replica) => {
      return (await counterOf(replica, 'feeds_restarted')) + (await counterOf(replica, 'feeds_lost'));
    });
    return Promise.all(counts);
  };
  const before = await begunAnew();
  await isEqual();
  for (let round = 0; round < 20; round++) await random.batch(25);
  await isEqual();
  await reader[Symbol.asyncDispose]();
  await setBackLog(postgres.sql.core().pool);
  for (let round = 0; round < 10; round++) await random.batch(25);
  const haveAll = async () => (await begunAnew()).every((count, index) => count > before[index]);
  await expect.poll(haveAll, within).toBe(true);
  await isEqual();
  startReader();
  for (let round = 0; round < 10; round++) await random.batch(25);
  await isEqual();
});

test('while the databases are down the rooms stay as they are, and afterwards they are right', async () => {
  await isEqual();
  const sizes = replicas.map(({ rooms }) => rooms.size);
  await postgres.stop();
  await delay(1000);
  expect(replicas.map(({ rooms }) => rooms.size)).toEqual(sizes);
  await postgres.start();
  const batch = () =>
    random.batch(25).then(
      () => true,
      () => false,
    );
  await expect.poll(batch, within).toBe(true);
  await isEqual();
});

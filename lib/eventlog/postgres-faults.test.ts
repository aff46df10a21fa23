import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTestLog } from '../../test/harness/log-fixture.ts';
import { LoadedLog } from '../../test/harness/loaded-log.ts';
import { coordMigrations } from '../coord/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { eventlogMigrations } from './migrations.ts';
import { ensureTopic } from './postgres-segments.ts';
import { append, readPartitions, readRecords } from './postgres-statements.ts';
import { openPostgresLog } from './postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations, eventlogMigrations] });
}, 60_000);
afterAll(() => postgres[Symbol.asyncDispose]());

const write = (partition: number, firstSequence: number, values: readonly string[]) => ({
  partition,
  firstSequence,
  entries: values.map((value) => ({ key: 'key', value: Buffer.from(value) })),
});

test('an append that comes again, before or after the end of the first, is there once', async () => {
  const database = postgres.sql.core();
  const topic = { name: 'again', partitions: 2, retentionMs: 3_600_000 };
  const id = await ensureTopic(database.pool, topic);
  const writes = [write(0, 1, ['a', 'b']), write(1, 1, ['c'])];
  const one = { producer: 'one', writes };
  await Promise.all([append(database.pool, id, one), append(database.pool, id, one)]);
  await append(database.pool, id, one);
  await append(database.pool, id, { producer: 'two', writes: [write(0, 1, ['d'])] });
  // A write that was given up and comes after a later one is left out, and the order stays.
  await append(database.pool, id, { producer: 'one', writes: [write(0, 9, ['e'])] });
  await append(database.pool, id, { producer: 'one', writes: [write(0, 5, ['late'])] });
  const states = await readPartitions(database.pool, id);
  expect(states.map(({ head }) => head)).toEqual([4, 1]);
  const readings = await readRecords(database, id, [
    { partition: 0, offset: 1 },
    { partition: 1, offset: 0 },
  ]);
  expect(readings.map(({ before }) => [before?.producer, before?.sequence])).toEqual([
    ['one', 1],
    [undefined, undefined],
  ]);
  const records = readings.flatMap((reading) => reading.records);
  expect(records.map(({ offset, value, sequence }) => [offset, value.toString(), sequence])).toEqual([
    [1, 'b', 2],
    [2, 'd', 1],
    [3, 'e', 9],
    [0, 'c', 1],
  ]);
});

test('the retention of a topic follows its definition', { timeout: 60_000 }, async () => {
  const database = postgres.sql.core();
  const topic = { name: 'retained', partitions: 1, retentionMs: 8000 };
  const id = await ensureTopic(database.pool, topic);
  await append(database.pool, id, { producer: 'one', writes: [write(0, 1, ['a'])] });
  const shorter = { ...topic, retentionMs: 1000 };
  const isDropped = async (): Promise<void> => {
    await ensureTopic(database.pool, shorter);
    expect(await readPartitions(database.pool, id)).toEqual([{ partition: 0, head: 1, start: 1 }]);
  };
  await vi.waitFor(isDropped, { timeout: 30_000, interval: 100 });
  const { rows } = await database.pool.query(
    'select retention_ms::int as ms from eventlog_topic where id = $1',
    [id],
  );
  expect(rows).toEqual([{ ms: 1000 }]);
});

test('a database that is killed and comes back', { timeout: 120_000 }, async () => {
  const open = (processId: string) => {
    const database = postgres.sql.core();
    const { logger } = postgres;
    return openTestLog(postgres, processId, (parts) =>
      openPostgresLog({ ...parts, database, processId, logger }),
    );
  };
  const topic = { name: 'load', partitions: 6, retentionMs: 3_600_000 };
  await using loaded = await LoadedLog.start(open, topic);
  await loaded.flow();
  process.kill(postgres.server.pid, 'SIGKILL');
  await postgres.start();
  const flowingMs = await loaded.flow();
  const { acknowledged, lost, disordered, twice, refused } = await loaded.finish();
  console.table([
    {
      fault: 'kill -9 of PostgreSQL',
      acknowledged,
      lost,
      disordered,
      twice,
      refused,
      'flowing after ms': flowingMs,
    },
  ]);
  expect({ lost, disordered, twice }).toEqual({ lost: 0, disordered: 0, twice: 0 });
  expect(acknowledged).toBeGreaterThanOrEqual(24);
  expect(flowingMs).toBeLessThan(15_000);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { coordMigrations, openPostgresCoord, type OpenCoord } from '../coord/index.ts';
import { hasCode } from '../error/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { JobRunner, jobMigrations, type ShardOptions, type Tick } from './index.ts';

let postgres: TestPostgres;
let opened: { runner: JobRunner; coord: OpenCoord }[] = [];
let serial = 0;

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations, jobMigrations] });
  await postgres.sql.core().pool.query('create table tick_effect(partition int, tick bigint, fence bigint)');
}, 60_000);
afterAll(() => postgres[Symbol.asyncDispose]());
afterEach(async () => {
  for (const { runner, coord } of opened) {
    await runner[Symbol.asyncDispose]();
    await coord[Symbol.asyncDispose]();
  }
  opened = [];
  await postgres.sql
    .core()
    .pool.query('truncate tick_effect, job_tick, job_shard, coord_record, coord_member');
});

async function open(): Promise<JobRunner> {
  const processId = `process-${++serial}`;
  const logger = postgres.logger.child({}, { level: 'silent' });
  const parts = {
    database: postgres.sql.core(),
    processId,
    clock: systemClock,
    logger,
    metrics: createMetrics(processId),
  };
  const coord = await openPostgresCoord(parts);
  const runner = new JobRunner({ ...parts, coord });
  opened.push({ runner, coord });
  return runner;
}

const soon = { timeout: 20_000, interval: 10 };
const job = (over: Partial<ShardOptions> = {}): ShardOptions => ({
  job: `job-${serial}`,
  partitions: 8,
  intervalMs: 100,
  ...over,
});

test('every partition ticks once an interval, in one process or in two', async () => {
  const ticks: Tick[] = [];
  const note = async (tick: Tick): Promise<void> => void ticks.push(tick);
  const [one, two] = [await open(), await open()];
  const options = job();
  const first = await one.shard(options, note);
  await vi.waitFor(() => expect(first.held()).toHaveLength(8), soon);
  const second = await two.shard(options, note);
  await vi.waitFor(() => expect([first.held().length, second.held().length]).toEqual([4, 4]), soon);
  await vi.waitFor(() => expect(new Set(ticks.map(({ fence }) => fence)).size).toBe(2), soon);
  const before = ticks.length;
  await vi.waitFor(() => expect(ticks.length).toBeGreaterThan(before + 40), soon);
  for (const { partition, of, tick, dueMs } of ticks) {
    expect(of).toBe(8);
    expect(dueMs).toBe(tick * 100 + Math.floor((partition * 100) / 8));
  }
  await second[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(first.held()).toHaveLength(8), soon);
  const numbers = ticks.map(({ partition, tick }) => `${partition} ${tick}`);
  expect(new Set(numbers).size, 'no tick came twice').toBe(numbers.length);
});

test('a tick that takes too long: skipped ones are not made up for, or one is, never two at a time', async () => {
  const runner = await open();
  const seen: Record<string, number[]> = { skip: [], queue: [] };
  let most = 0;
  for (const name of ['skip', 'queue'] as const) {
    let active = 0;
    const onOverrun = name === 'skip' ? 'skip' : { queue: 1 };
    const options = { job: name, partitions: 1, intervalMs: 60, onOverrun } as const;
    await runner.shard(options, async ({ tick }) => {
      most = Math.max(most, ++active);
      if (seen[name].push(tick) === 2) await sleep(300);
      active--;
    });
  }
  await vi.waitFor(
    () => expect(Math.min(seen['skip'].length, seen['queue'].length)).toBeGreaterThan(4),
    soon,
  );
  const gapsOf = (ticks: number[]): number[] => ticks.slice(1).map((tick, at) => tick - ticks[at]);
  expect(gapsOf(seen['skip'])[1]).toBeGreaterThanOrEqual(5);
  expect(gapsOf(seen['queue'])[1]).toBeGreaterThanOrEqual(4);
  expect(most).toBe(1);
});

test('an attempt that fails is made again, and the next tick comes when all have failed', async () => {
  const runner = await open();
  const seen: [number, number][] = [];
  const options = { retries: 2, retryMs: { initial: 1, max: 5 }, partitions: 1, intervalMs: 200 };
  await runner.shard(job(options), async ({ tick, attempt }) => {
    seen.push([tick, attempt]);
    throw new Error('on purpose');
  });
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(6), soon);
  const [[first]] = seen;
  expect(seen.slice(0, 4)).toEqual([
    [first, 1],
    [first, 2],
    [first, 3],
    [expect.toSatisfy((next: number) => next > first), 1],
  ]);
  await vi.waitFor(async () => {
    const { rows } = await postgres.sql
      .core()
      .pool.query('select failures, error_code, error_message from job_tick');
    expect(rows[0]).toMatchObject({ error_code: 'INTERNAL', error_message: 'on purpose' });
  }, soon);
});

test('a tick past its time limit is told, and the partition goes on', async () => {
  const runner = await open();
  const reasons: unknown[] = [];
  let ticks = 0;
  await runner.shard(job({ partitions: 1, timeLimitMs: 50 }), async ({ signal }) => {
    if (ticks++ > 0) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    reasons.push(signal.reason);
    throw signal.reason;
  });
  await vi.waitFor(() => expect(ticks).toBeGreaterThan(2), soon);
  expect(reasons.map((reason) => hasCode(reason, 'JOB_TIMED_OUT'))).toEqual([true]);
});

test('what was missed while nobody was there: ignored, one for all, or caught up within the bound', async () => {
  const counts: Record<string, number> = {};
  for (const [name, onMisfire] of [
    ['ignore', 'ignore'],
    ['once', 'once'],
    ['all', { catchUp: 5 }],
  ] as const) {
    const [before, after] = [await open(), await open()];
    const options = { job: name, partitions: 1, intervalMs: 150, onMisfire };
    const done: number[] = [];
    const note = async ({ tick }: Tick): Promise<void> => void done.push(tick);
    const first = await before.shard(options, note);
    await vi.waitFor(() => expect(done.length).toBeGreaterThan(1), soon);
    await first[Symbol.asyncDispose]();
    const last = done.at(-1)!;
    await postgres.sql.core().pool.query('update job_tick set tick = tick - 20 where job = $1', [name]);
    done.length = 0;
    await after.shard(options, note);
    await vi.waitFor(() => expect(done.at(-1)).toBeGreaterThan(last + 3), soon);
    const made = Math.floor(Date.now() / 150);
    counts[name] = done.length;
    expect(done.at(-1)! - made).toBeLessThanOrEqual(1);
    const gaps = done.slice(1).map((tick, at) => tick - done[at]);
    expect(gaps.every((gap) => gap === 1)).toBe(true);
  }
  expect(counts['all']).toBeGreaterThan(counts['ignore']);
});

test('an effect is refused when a newer worker has the partition, and made once when its answer was lost', async () => {
  const runner = await open();
  const { pool } = postgres.sql.core();
  const effect = (tick: Tick) =>
    tick.commit((client) =>
      client.query('insert into tick_effect values ($1, $2, $3)', [tick.partition, tick.tick, tick.fence]),
    );
  const codes: (string | undefined)[] = [];
  const options = {
    job: 'fenced',
    partitions: 1,
    intervalMs: 300,
    retries: 3,
    retryMs: { initial: 1, max: 5 },
  };
  await runner.shard(options, async (tick) => {
    if (codes.length === 0 && tick.attempt === 1) {
      await effect(tick);
      throw new Error('the answer to the commit was lost');
    }
    if (codes.length === 1) await pool.query(`update job_tick set fence = fence + 1 where job = 'fenced'`);
    const error: unknown = await effect(tick).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    codes.push(hasCode(error) ? error.code : 'made');
    if (error) throw error;
    if (codes.length > 4) await pool.query(`update job_tick set fence = 0 where job = 'fenced'`);
  });
  await vi.waitFor(() => expect(codes.length).toBeGreaterThanOrEqual(2), soon);
  expect(codes.slice(0, 2)).toEqual(['TICK_DONE', 'JOB_LOST']);
  await pool.query(`update job_tick set fence = 0 where job = 'fenced'`);
  await vi.waitFor(() => expect(codes).toContain('made'), soon);
  const { rows } = await pool.query('select tick, count(*) from tick_effect group by 1 having count(*) > 1');
  expect(rows).toEqual([]);
});

test('the plan of a job that is paused gives nobody a partition', async () => {
  const runner = await open();
  const { coord } = opened.at(-1)!;
  let ticks = 0;
  const work = await runner.shard(job({ job: 'paused' }), async () => void ticks++);
  await vi.waitFor(() => expect(work.held()).toHaveLength(8), soon);
  const plan = (await coord.get<object>('job/paused'))!;
  await coord.cas('job/paused', plan.version, { ...plan.value, isPaused: true });
  await vi.waitFor(() => expect(work.held()).toEqual([]), soon);
  const before = ticks;
  await sleep(300);
  expect(ticks).toBe(before);
  await coord.cas('job/paused', plan.version + 1, plan.value);
  await vi.waitFor(() => expect(ticks).toBeGreaterThan(before), soon);
});

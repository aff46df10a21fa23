import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { coordMigrations, openPostgresCoord } from '../coord/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { forgetOld, JobRunner, jobMigrations, Planner, Plans, type PlanDefinition } from './index.ts';

let postgres: TestPostgres;
let stack = new AsyncDisposableStack();
let plans: Plans;
let serial = 0;

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations, jobMigrations] });
  plans = new Plans(postgres.sql.core());
}, 60_000);
afterAll(() => postgres[Symbol.asyncDispose]());
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
  await postgres.sql.core().pool.query('truncate job, job_log, job_plan, job_shard, job_tick');
});

/** A process with a runner, and a planner of its own. */
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
  const coord = stack.use(await openPostgresCoord(parts));
  stack.use(new Planner({ ...parts, coord }));
  return stack.use(new JobRunner({ ...parts, coord }));
}

const soon = { timeout: 20_000, interval: 20 };
const everySecond: PlanDefinition = {
  name: 'tidy',
  kind: 'tidy',
  schedule: { kind: 'cron', pattern: '* * * * * *', timeZone: 'UTC' },
};

test('each time of a plan has one run, whoever plans and wherever it runs', async () => {
  const [one, two] = [await open(), await open()];
  const keys: string[] = [];
  for (const runner of [one, two]) runner.handle('tidy', {}, async (job) => void keys.push(job.key));
  await one.plan({ ...everySecond, payload: { days: 7 } });
  await vi.waitFor(() => expect(keys.length).toBeGreaterThanOrEqual(3), soon);
  expect(new Set(keys).size).toBe(keys.length);
  await plans.setPaused('tidy', true, 'test');
  const runs = (await one.list({ plan: 'tidy' })).toSorted((a, b) => a.id - b.id);
  const dueMs = runs.map((run) => run.dueMs!);
  expect(dueMs.every((due) => due % 1000 === 0)).toBe(true);
  expect(runs[0]).toMatchObject({ kind: 'tidy', plan: 'tidy', payload: { days: 7 }, askedBy: null });
  const plan = await plans.get('tidy');
  expect(plan).toMatchObject({
    runs: runs.length,
    missed: 0,
    lastMs: dueMs.at(-1),
    isPaused: true,
  });
});

test('a plan told again is the same plan; one that is paused begins nothing, and makes up for nothing', async () => {
  const runner = await open();
  let runs = 0;
  runner.handle('tidy', {}, async () => void runs++);
  await runner.plan(everySecond);
  await vi.waitFor(() => expect(runs).toBeGreaterThan(0), soon);
  await plans.setPaused('tidy', true, 'operator');
  await runner.plan(everySecond);
  const before = await vi.waitFor(async () => {
    const plan = await plans.get('tidy');
    expect(plan).toMatchObject({ isPaused: true, open: 0, changedBy: 'operator' });
    return plan.runs;
  }, soon);
  await sleep(1500);
  expect((await plans.get('tidy')).runs).toBe(before);
  await plans.setPaused('tidy', false, 'operator');
  await vi.waitFor(async () => expect((await plans.get('tidy')).runs).toBeGreaterThan(before), soon);
  expect(await plans.get('tidy')).toMatchObject({ missed: 0 });
});

test('a run that takes long: the next are skipped, or one is queued', async () => {
  const runner = await open();
  const { promise, resolve } = Promise.withResolvers<void>();
  runner.handle('slow', { concurrency: 4 }, () => promise);
  const slow = { kind: 'slow', schedule: { kind: 'interval', everyMs: 1000 } } as const;
  await runner.plan({ ...slow, name: 'skipping' });
  await runner.plan({ ...slow, name: 'queueing', onOverlap: 'queue' });
  await vi.waitFor(async () => {
    const [queueing, skipping] = await plans.list();
    expect(skipping).toMatchObject({ runs: 1, open: 1, skipped: expect.toSatisfy((count) => count >= 2) });
    expect(queueing).toMatchObject({ runs: 1, open: 1, queuedMs: expect.any(Number) });
  }, soon);
  resolve();
  await vi.waitFor(async () => expect((await plans.get('queueing')).runs).toBeGreaterThan(1), soon);
});

test('what was missed while nobody planned is caught up one after the other, within the bound', async () => {
  const { pool } = postgres.sql.core();
  const definition = { ...everySecond, schedule: { kind: 'interval', everyMs: 60_000 } } as const;
  await plans.put({ ...definition, onMisfire: { catchUp: 3 } }, 'test');
  await pool.query(`update job_plan set next_at = next_at - interval '10 minutes'`);
  const runner = await open();
  let [active, most] = [0, 0];
  runner.handle('tidy', { concurrency: 4 }, async () => {
    most = Math.max(most, ++active);
    await sleep(100);
    active--;
  });
  await vi.waitFor(
    async () => expect((await runner.list({ plan: 'tidy', state: 'done' })).length).toBe(3),
    soon,
  );
  expect(most).toBe(1);
  const plan = await plans.get('tidy');
  expect(plan.runs).toBe(3);
  expect(plan.missed).toBeGreaterThanOrEqual(6);
});

test('a run can be asked for out of turn, watched by its log, and cancelled', async () => {
  const runner = await open();
  runner.handle('tidy', {}, async (job) => {
    job.log('begun');
    for (let line = 0; line < 300; line++) job.log(`line ${line}`);
    job.progress(0.25, 'a quarter');
    await new Promise((_resolve, reject) =>
      job.signal.addEventListener('abort', () => reject(job.signal.reason as Error)),
    );
  });
  await plans.put(
    { ...everySecond, schedule: { kind: 'cron', pattern: '0 0 1 1 *', timeZone: 'UTC' } },
    'test',
  );
  const id = await plans.runNow('tidy', 'operator-7');
  await expect(plans.runNow('tidy', 'operator-7')).rejects.toMatchObject({ code: 'PLAN_BUSY' });
  await vi.waitFor(
    async () => expect(await runner.read(id)).toMatchObject({ state: 'running', progress: 0.25 }),
    soon,
  );
  await vi.waitFor(async () => expect((await runner.lines(id)).length).toBeGreaterThan(100), soon);
  expect(await runner.cancel(id, 'operator-8')).toBe(true);
  const ended = await vi.waitFor(async () => {
    const job = await runner.read(id);
    expect(job?.state).toBe('failed');
    return job!;
  }, soon);
  expect(ended).toMatchObject({
    errorCode: 'JOB_CANCELLED',
    askedBy: 'operator-7',
    cancelledBy: 'operator-8',
    attempts: 1,
  });
  const lines = await runner.lines(id);
  expect([lines[0].text, lines.length, lines.at(-1)?.text]).toEqual([
    'begun',
    201,
    '101 more lines were not kept',
  ]);
  expect(await runner.cancel(id, 'operator-8'), 'it has ended').toBe(false);
  await expect(plans.runNow('unknown', 'operator-7')).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' });
});

test('what nobody trims is forgotten: old runs of any kind, and sharded jobs of long ago', async () => {
  const { pool } = postgres.sql.core();
  const runner = await open();
  const ids = [];
  for (const key of ['old', 'new']) {
    const { id } = await runner.enqueue({ kind: 'gone', key, payload: null });
    await runner.cancel(id, 'test');
    ids.push(id);
  }
  await pool.query(`update job set finished_at = finished_at - interval '8 days' where key = 'old'`);
  await pool.query(`insert into job_shard values ('past', 1, '{}', now() - interval '31 days'),
    ('busy', 1, '{}', now() - interval '31 days'), ('fresh', 1, '{}', now())`);
  await pool.query(`insert into job_tick(job, partition, tick, fence, owner, ticked_at) values
    ('past', 0, 1, 1, 'x', now() - interval '40 days'), ('busy', 0, 1, 1, 'x', now())`);
  const said: string[] = [];
  const job = {
    signal: new AbortController().signal,
    log: (text: string) => void said.push(text),
    progress: () => undefined,
  };
  expect(await forgetOld(pool, job)).toEqual({ runs: 1, shardedJobs: 1 });
  expect(said).toEqual(['forgot 1 runs', 'forgot past']);
  expect([await runner.read(ids[0]), (await runner.read(ids[1]))?.key]).toEqual([undefined, 'new']);
  expect((await pool.query('select job from job_tick')).rows).toEqual([{ job: 'busy' }]);
});

test('a job that waits is cancelled at once', async () => {
  const runner = await open();
  const { id } = await runner.enqueue({ kind: 'nobody', key: 'a', payload: null });
  expect(await runner.cancel(id, 'operator')).toBe(true);
  expect(await runner.read(id)).toMatchObject({ state: 'failed', errorCode: 'JOB_CANCELLED' });
  expect((await runner.enqueue({ kind: 'nobody', key: 'a', payload: null })).isNew).toBe(true);
});

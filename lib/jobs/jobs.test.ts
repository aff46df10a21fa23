import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { JobRunner, jobMigrations, type Job, type JobsOptions } from './index.ts';
import { trimJobs } from './statements.ts';

let postgres: TestPostgres;
let runner: JobRunner;
let opened: JobRunner[] = [];
let serial = 0;

function open(options: Partial<JobsOptions> = {}): JobRunner {
  const processId = `process-${++serial}`;
  const metrics = createMetrics(processId);
  const { sql, logger } = postgres;
  const made = new JobRunner({
    database: sql.core(),
    processId,
    clock: systemClock,
    logger: logger.child({}, { level: 'silent' }),
    metrics,
    ...options,
  });
  opened.push(made);
  return made;
}

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [jobMigrations] });
  await postgres.sql.core().pool.query('create table effect(key text, fence bigint)');
}, 60_000);
afterAll(() => postgres[Symbol.asyncDispose]());
beforeEach(() => {
  runner = open();
});
afterEach(async () => {
  await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
  opened = [];
  await postgres.sql.core().pool.query('truncate job, job_log, effect');
});

const soon = { timeout: 20_000, interval: 10 };
const until = (job: Job): Promise<never> =>
  new Promise((_resolve, reject) =>
    job.signal.addEventListener('abort', () => reject(job.signal.reason as Error)),
  );
const stateOf = (kind: string, key: string, state: string) =>
  vi.waitFor(async () => {
    const job = await runner.find(kind, key);
    expect(job?.state).toBe(state);
    return job!;
  }, soon);

test('a job runs once in some process; its progress is seen from others while it runs, its result after', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  open().handle<{ room: number }>('cover', {}, async (job) => {
    seen.push(job.payload, job.attempt);
    job.progress(0.5, 'decoding');
    await promise;
    return { bytes: 1234 };
  });
  const { id, isNew } = await runner.enqueue({ kind: 'cover', key: 'room-7', payload: { room: 7 } });
  expect(isNew).toBe(true);
  await vi.waitFor(
    async () =>
      expect(await runner.find('cover', 'room-7')).toMatchObject({
        state: 'running',
        progress: 0.5,
        progressText: 'decoding',
      }),
    soon,
  );
  resolve();
  const job = await stateOf('cover', 'room-7', 'done');
  expect(job).toMatchObject({
    id,
    result: { bytes: 1234 },
    attempts: 1,
    failures: 0,
    progress: 1,
    owner: null,
  });
  expect(Math.abs(Date.now() - job.finishedMs!)).toBeLessThan(60_000);
  expect(seen).toEqual([{ room: 7 }, 1]);
});

test('one job of a kind and key is open at a time, however many ask', async () => {
  const ask = () => runner.enqueue({ kind: 'cover', key: 'a', payload: null });
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(answers.filter(({ isNew }) => isNew)).toHaveLength(1);
  runner.handle('cover', {}, async () => 'done');
  const first = await stateOf('cover', 'a', 'done');
  const again = await ask();
  expect([again.isNew, again.id > first.id]).toEqual([true, true]);
  await stateOf('cover', 'a', 'done');
  expect((await runner.list({ kind: 'cover' })).map(({ id }) => id)).toEqual([again.id, first.id]);
  expect(await runner.list({ kind: 'cover', before: again.id, state: 'done' })).toHaveLength(1);
  expect(await runner.list({ state: 'failed' })).toEqual([]);
});

test('waiting jobs of a kind are bounded; joining one is not adding one', async () => {
  const small = open({ waitingMax: 3 });
  for (const key of ['a', 'b', 'c']) await small.enqueue({ kind: 'cover', key, payload: null });
  await expect(small.enqueue({ kind: 'cover', key: 'd', payload: null })).rejects.toMatchObject({
    code: 'JOBS_FULL',
  });
  expect(await small.enqueue({ kind: 'cover', key: 'a', payload: null })).toMatchObject({ isNew: false });
  await small.enqueue({ kind: 'other', key: 'd', payload: null });
});

test('payload and result are bounded', async () => {
  const big = 'x'.repeat(64 * 1024);
  const refused = runner.enqueue({ kind: 'cover', key: 'a', payload: big });
  await expect(refused).rejects.toMatchObject({ code: 'JOB_TOO_LARGE' });
  runner.handle('cover', {}, async () => big);
  await runner.enqueue({ kind: 'cover', key: 'a', payload: null });
  expect(await stateOf('cover', 'a', 'failed')).toMatchObject({ errorCode: 'JOB_TOO_LARGE', failures: 1 });
});

test('a failure is tried again with growing waits, up to its number of retries', async () => {
  const startsMs: number[] = [];
  runner.handle('flaky', { retries: 2, retryMs: { initial: 60, max: 1000 } }, async ({ attempt }) => {
    startsMs.push(performance.now());
    if (attempt < 3) throw new Error('not yet\0');
    return attempt;
  });
  await runner.enqueue({ kind: 'flaky', key: 'a', payload: null });
  expect(await stateOf('flaky', 'a', 'done')).toMatchObject({
    attempts: 3,
    failures: 2,
    result: 3,
    errorCode: null,
  });
  expect(startsMs[1] - startsMs[0]).toBeGreaterThan(30);
  expect(startsMs[2] - startsMs[1]).toBeGreaterThan(60);
  const denied = new CodedError({ DENIED: { http: 403, grpc: 7, message: 'denied' } }, 'DENIED');
  const options = {
    retries: 1,
    retryMs: { initial: 1, max: 1 },
    isRetryable: (error: unknown) => error !== denied,
  };
  runner.handle('broken', options, async ({ key }) => {
    throw key === 'denied' ? denied : new Error('always');
  });
  for (const key of ['denied', 'always']) await runner.enqueue({ kind: 'broken', key, payload: null });
  expect(await stateOf('broken', 'denied', 'failed')).toMatchObject({ attempts: 1, errorCode: 'DENIED' });
  expect(await stateOf('broken', 'always', 'failed')).toMatchObject({ attempts: 2, errorMessage: 'always' });
});

test('an attempt has a time limit; a handler that ignores it holds its slot, not its job', async () => {
  const { promise: ignored, resolve: end } = Promise.withResolvers<string>();
  const reasons: unknown[] = [];
  const options = { timeLimitMs: 100, retries: 1, retryMs: { initial: 1, max: 1 } };
  runner.handle('slow', options, async (job) => {
    job.signal.addEventListener('abort', () => reasons.push(job.signal.reason));
    return job.key === 'ignores' ? ignored : until(job);
  });
  await runner.enqueue({ kind: 'slow', key: 'listens', payload: null });
  const failed = await stateOf('slow', 'listens', 'failed');
  expect(failed).toMatchObject({ attempts: 2, failures: 2, errorCode: 'JOB_TIMED_OUT' });
  expect(reasons).toMatchObject([{ code: 'JOB_TIMED_OUT' }, { code: 'JOB_TIMED_OUT' }]);
  await runner.enqueue({ kind: 'slow', key: 'ignores', payload: null });
  await stateOf('slow', 'ignores', 'running');
  expect(await stateOf('slow', 'ignores', 'waiting')).toMatchObject({ attempts: 1, failures: 1 });
  await sleep(700);
  expect(await runner.find('slow', 'ignores')).toMatchObject({ state: 'waiting', attempts: 1 });
  end('late');
  await stateOf('slow', 'ignores', 'done');
});

test('no more jobs than slots run at once, and a delay is kept', async () => {
  let running = 0;
  let most = 0;
  const options = { concurrency: 3 };
  runner.handle('bounded', options, async () => {
    most = Math.max(most, ++running);
    await sleep(15);
    running--;
  });
  await runner.enqueue({ kind: 'bounded', key: 'later', payload: null, delayMs: 60_000 });
  for (let key = 0; key < 12; key++)
    await runner.enqueue({ kind: 'bounded', key: String(key), payload: null });
  await vi.waitFor(async () => expect(await runner.list({ state: 'done' })).toHaveLength(12), soon);
  expect(most).toBe(3);
  expect(await runner.find('bounded', 'later')).toMatchObject({ state: 'waiting' });
});

test('an effect and the end of its job happen together, for the newest fence only', async () => {
  const { pool } = postgres.sql.core();
  const insert = (job: Job) =>
    job.commit(async (client) => {
      await client.query('insert into effect values ($1, $2)', [job.key, job.fence]);
      if (job.key === 'fails') throw new Error('after the effect');
      if (job.key === 'stale')
        await pool.query(`update job set fence = nextval('job_fence') where key = 'stale'`);
      return job.fence;
    });
  runner.handle('effect', { concurrency: 3, retries: 0 }, async (job) => {
    await insert(job);
    throw new Error('what comes after the end changes nothing');
  });
  for (const key of ['works', 'fails', 'stale']) await runner.enqueue({ kind: 'effect', key, payload: null });
  const done = await stateOf('effect', 'works', 'done');
  expect(done.result).toBe(done.fence);
  await stateOf('effect', 'fails', 'failed');
  await vi.waitFor(
    async () => expect(await runner.list({ state: 'running' })).toMatchObject([{ key: 'stale' }]),
    soon,
  );
  await runner[Symbol.asyncDispose]();
  const { rows } = await pool.query('select key, fence from effect');
  expect(rows).toEqual([{ key: 'works', fence: done.fence }]);
  expect(await runner.find('effect', 'stale')).toMatchObject({ state: 'running', failures: 0 });
});

test('a worker that stands still in its transaction is cut off, so that its locks keep nobody waiting', async () => {
  runner.handle('effect', { retries: 0 }, (job) =>
    job.commit(async (client) => {
      await client.query('insert into effect values ($1, $2)', [job.key, job.fence]);
      await sleep(3300);
    }),
  );
  await runner.enqueue({ kind: 'effect', key: 'stands', payload: null });
  await stateOf('effect', 'stands', 'running');
  await sleep(3300);
  await stateOf('effect', 'stands', 'failed');
  const { rows } = await postgres.sql.core().pool.query('select key from effect');
  expect(rows).toEqual([]);
});

test('a runner that closes tells its handlers and gives their jobs to others at once', async () => {
  const { promise: started, resolve } = Promise.withResolvers<Job>();
  runner.handle('long', {}, async (job) => {
    resolve(job);
    return until(job);
  });
  await runner.enqueue({ kind: 'long', key: 'a', payload: null });
  const first = await started;
  await runner[Symbol.asyncDispose]();
  expect(first.signal.reason).toMatchObject({ code: 'JOBS_CLOSED' });
  expect(await runner.find('long', 'a')).toMatchObject({ state: 'waiting', attempts: 0, failures: 0 });
  await expect(runner.enqueue({ kind: 'long', key: 'b', payload: null })).rejects.toMatchObject({
    code: 'JOBS_CLOSED',
  });
  open().handle('long', {}, async ({ fence }) => fence);
  expect((await stateOf('long', 'a', 'done')).result).toBeGreaterThan(first.fence);
});

test('a handler is ended alone, and another may follow it', async () => {
  const handling = runner.handle('kind', {}, until);
  await runner.enqueue({ kind: 'kind', key: 'a', payload: null });
  await stateOf('kind', 'a', 'running');
  await handling[Symbol.asyncDispose]();
  await stateOf('kind', 'a', 'waiting');
  runner.handle('kind', {}, async () => 'second');
  expect(await stateOf('kind', 'a', 'done')).toMatchObject({ result: 'second' });
});

test('a job with which worker after worker died is given up', async () => {
  await runner.enqueue({ kind: 'poison', key: 'a', payload: null });
  await postgres.sql.core().pool.query('update job set attempts = 6');
  let runs = 0;
  runner.handle('poison', {}, async () => ++runs);
  expect(await stateOf('poison', 'a', 'failed')).toMatchObject({ errorCode: 'JOB_LOST' });
  expect(runs).toBe(0);
});

test('history is bounded by number and age', async () => {
  const { pool } = postgres.sql.core();
  runner.handle('short', { concurrency: 5 }, async () => null);
  for (let key = 0; key < 6; key++) await runner.enqueue({ kind: 'short', key: String(key), payload: null });
  await vi.waitFor(async () => expect(await runner.list({ state: 'done' })).toHaveLength(6), soon);
  await runner.enqueue({ kind: 'open', key: 'a', payload: null });
  await pool.query(`update job set finished_at = finished_at - interval '1 hour' where key = '5'`);
  expect(await trimJobs(pool, ['short', 'open'], { historyMax: 100, historyMsMax: 60_000 })).toBe(1);
  expect(await trimJobs(pool, ['short', 'open'], { historyMax: 2, historyMsMax: 60_000 })).toBe(3);
  expect(await trimJobs(pool, ['short', 'open'], { historyMax: 2, historyMsMax: 60_000 })).toBe(0);
  expect(await runner.list()).toHaveLength(3);
});

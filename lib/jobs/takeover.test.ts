import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { JobRunner, jobMigrations } from './index.ts';

const ownerScript = path.join(import.meta.dirname, 'job-owner.ts');
let postgres: TestPostgres;
let workers: ChildProcess[] = [];
let runners: JobRunner[] = [];
let serial = 0;

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [jobMigrations] });
  await postgres.sql.core().pool.query('create table effect(key text, fence bigint)');
}, 60_000);
afterAll(() => postgres[Symbol.asyncDispose]());
afterEach(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  workers = [];
  await Promise.all(runners.map((each) => each[Symbol.asyncDispose]()));
  runners = [];
  await postgres.sql.core().pool.query('truncate job, job_log, effect');
});

function open(): JobRunner {
  const processId = `test-${++serial}`;
  const { sql, logger } = postgres;
  const metrics = createMetrics(processId);
  const runner = new JobRunner({ database: sql.core(), processId, clock: systemClock, logger, metrics });
  runners.push(runner);
  return runner;
}

/** A worker process; `said` is what it wrote so far. */
async function startWorker(): Promise<{ process: ChildProcess; said: () => string }> {
  const worker = spawn(process.execPath, [ownerScript], {
    env: {
      ...process.env,
      JOB_OWNER: JSON.stringify({ url: postgres.urls.core, processId: `worker-${++serial}` }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  workers.push(worker);
  let said = '';
  worker.stdout.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  await once(worker.stdout, 'data');
  return { process: worker, said: () => said };
}

const fenceIn = (said: string): number => Number(/holds (\d+)/.exec(said)?.[1] ?? 0);

test('the job of a worker that is killed runs elsewhere within 6 s, with a higher fence', async () => {
  const runner = open();
  const [one, two] = await Promise.all([startWorker(), startWorker()]);
  await runner.enqueue({ kind: 'hold', key: 'a', payload: null });
  const held = await vi.waitFor(
    () => [one, two].find(({ said }) => fenceIn(said()) > 0) ?? Promise.reject(),
    4000,
  );
  const other = held === one ? two : one;
  held.process.kill('SIGKILL');
  const killedMs = performance.now();
  await vi.waitFor(() => expect(fenceIn(other.said())).toBeGreaterThan(fenceIn(held.said())), {
    timeout: 9000,
    interval: 10,
  });
  expect(performance.now() - killedMs).toBeLessThan(6000);
  expect(await runner.find('hold', 'a')).toMatchObject({
    attempts: 2,
    failures: 0,
    fence: fenceIn(other.said()),
  });
});

test('who has just come, as after an outage, takes no living worker for a dead one', async () => {
  const holder = open();
  const { promise: started, resolve } = Promise.withResolvers<AbortSignal>();
  holder.handle('long', {}, async ({ signal }) => {
    resolve(signal);
    await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
  });
  await holder.enqueue({ kind: 'long', key: 'a', payload: null });
  const signal = await started;
  const before = await holder.find('long', 'a');
  await postgres.sql.core().pool.query(`update job set until = clock_timestamp() - interval '1 minute'`);
  const newcomer = open();
  newcomer.handle('long', {}, async () => 'taken');
  await sleep(1600);
  expect(await newcomer.find('long', 'a')).toMatchObject({ state: 'running', fence: before?.fence });
  expect(signal.aborted).toBe(false);
});

/**
 * Goal: every job has its effect exactly once, whatever happens to its workers.
 * Method: real processes that fail by chance, are killed and stopped in the middle of jobs and transactions; a
 * stopped one goes on with jobs that others have taken meanwhile.
 */
test('some hundred jobs among workers that die: one effect each', async () => {
  const runner = open();
  const count = 300;
  for (let key = 0; key < count; key++)
    await runner.enqueue({ kind: 'work', key: String(key), payload: null });
  const [first, stopped] = await Promise.all([startWorker(), startWorker()]);
  await sleep(150);
  stopped.process.kill('SIGSTOP');
  first.process.kill('SIGKILL');
  const second = await startWorker();
  await sleep(200);
  second.process.kill('SIGKILL');
  await startWorker();
  const isDone = async (): Promise<void> =>
    expect(await runner.list({ state: 'done', limit: 1000 })).toHaveLength(count);
  await vi.waitFor(isDone, { timeout: 45_000, interval: 100 });
  const doneBefore = await effects();
  stopped.process.kill('SIGCONT');
  await sleep(500);
  expect(await effects()).toEqual(doneBefore);
  expect(doneBefore.map(({ key }) => Number(key)).toSorted((one, two) => one - two)).toEqual([
    ...Array(count).keys(),
  ]);
  const jobs = await runner.list({ limit: 1000 });
  const fences = new Map(doneBefore.map(({ key, fence }) => [key, fence]));
  for (const job of jobs) expect(fences.get(job.key)).toBe(job.fence);
  expect(jobs.some(({ attempts, failures }) => attempts - failures > 1)).toBe(true);
});

async function effects(): Promise<{ key: string; fence: number }[]> {
  const { rows } = await postgres.sql
    .core()
    .pool.query<{ key: string; fence: number }>('select * from effect order by 1, 2');
  return rows;
}

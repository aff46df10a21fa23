import { forEachItem } from '@gala/lib/jobs';
import { jobOperations } from '@gala/protocol/rest';
import { RoomService, StreamEvent } from '@gala/protocol/room';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { houseOfRooms } from '../../../test/harness/houses.ts';
import * as scheduler from '../../foundation/scheduler/index.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

let house: TestHouse;
let operator: TestClient;
const cleanUp = new AsyncDisposableStack();

beforeAll(async () => {
  house = cleanUp.use(
    await startTestHouse({
      ...houseOfRooms,
      roles: [...houseOfRooms.roles, scheduler.role],
    }),
  );
  operator = new TestClient(house.listener.port, { token: house.operatorToken });
  const { jobs } = house.context;
  jobs.handle('report', { retries: 0 }, async (job) => {
    job.log('begun');
    job.progress(0.5, 'half');
    await new Promise((_resolve, reject) =>
      job.signal.addEventListener('abort', () => reject(job.signal.reason as Error)),
    );
  });
  const schedule = { kind: 'cron', pattern: '0 4 * * 1', timeZone: 'Europe/Berlin' } as const;
  await jobs.plan({ name: 'weekly-report', kind: 'report', schedule, onMisfire: { catchUp: 3 } });
  await jobs.plan({ name: 'hourly', kind: 'nobody', schedule: { kind: 'interval', everyMs: 3_600_000 } });
  await jobs.plan({ name: 'in-2099', kind: 'nobody', schedule: { kind: 'once', atMs: 4_070_908_800_000 } });
  cleanUp.use(await jobs.shard({ job: 'room.visit', partitions: 4, intervalMs: 100 }, async () => undefined));
}, 60_000);

afterAll(() => cleanUp.disposeAsync());

const soon = { timeout: 20_000, interval: 20 };
const body = { reason: 'test of jobs' };

test('plans are listed with when they come next', async () => {
  const { plans } = (await operator.call('listJobPlans')).body;
  expect(plans.map(({ name }) => name)).toEqual(['hourly', 'in-2099', 'scheduler.forget', 'weekly-report']);
  expect(plans[1]).toMatchObject({
    schedule: { kind: 'once', atMs: 4_070_908_800_000 },
    nextMs: 4_070_908_800_000,
  });
  expect(plans[3]).toMatchObject({
    kind: 'report',
    schedule: { kind: 'cron', pattern: '0 4 * * 1', timeZone: 'Europe/Berlin' },
    onMisfire: 'catchUp',
    catchUpMax: 3,
    paused: false,
    runs: 0,
  });
  expect(new Date(plans[3].nextMs!).getUTCDay()).toBe(1);
});

test('a run is begun out of turn, watched, and cancelled, each with who and why', async () => {
  const params = { planName: 'weekly-report' };
  const { runId } = (await operator.call('runJobPlan', { params, body })).body;
  expect((await operator.call('runJobPlan', { params, body })).code).toBe('PLAN_BUSY');
  await vi.waitFor(async () => {
    const { run, lines } = (await operator.call('getJobRun', { params: { runId } })).body;
    expect(run).toMatchObject({ state: 'running', progress: 0.5, plan: 'weekly-report', askedBy: '0' });
    expect(lines.map(({ text }) => text)).toEqual(['begun']);
  }, soon);
  const list = (query: object) => operator.call('listJobRuns', { query });
  expect((await list({ plan: 'weekly-report', state: 'running' })).body.runs).toHaveLength(1);
  expect((await list({ before: runId })).body.runs.every((run) => run.runId < runId)).toBe(true);
  expect((await operator.call('cancelJobRun', { params: { runId }, body })).body).toEqual({
    cancelled: true,
  });
  await vi.waitFor(async () => {
    const [run] = (await list({ plan: 'weekly-report' })).body.runs;
    expect(run).toMatchObject({ state: 'failed', error: { code: 'JOB_CANCELLED' }, cancelledBy: '0' });
  }, soon);
  expect((await operator.call('cancelJobRun', { params: { runId }, body })).body).toEqual({
    cancelled: false,
  });
  for (const event of ['run asked for', 'run cancelled by request']) {
    const line = house.logLines.find((each) => each.includes(event))!;
    expect(JSON.parse(line)).toMatchObject({ runId, by: '0', reason: 'test of jobs' });
  }
});

test('a plan is paused and resumed', async () => {
  const params = { planName: 'hourly' };
  const isPaused = async () =>
    (await operator.call('listJobPlans')).body.plans.find(({ name }) => name === 'hourly')?.paused;
  expect((await operator.call('pauseJobPlan', { params, body })).status).toBe(204);
  expect(await isPaused()).toBe(true);
  expect((await operator.call('resumeJobPlan', { params, body })).status).toBe(204);
  expect(await isPaused()).toBe(false);
});

test('sharded jobs are shown with their workers and partitions, paused and resumed', async () => {
  const params = { jobName: 'room.visit' };
  await vi.waitFor(async () => {
    const { job, partitions } = (await operator.call('getShardedJob', { params })).body;
    expect(job).toMatchObject({
      partitions: 4,
      intervalMs: 100,
      paused: false,
      workers: [{ process: 'test-1', partitions: 4 }],
    });
    expect(partitions).toHaveLength(4);
    expect(partitions.every(({ ticks, owner }) => ticks > 0 && owner === 'test-1')).toBe(true);
  }, soon);
  const { jobs } = (await operator.call('listShardedJobs')).body;
  expect(jobs.map(({ name }) => name)).toEqual(['account.upkeep', 'room.visit']);
  expect((await operator.call('pauseShardedJob', { params, body })).status).toBe(204);
  expect((await operator.call('getShardedJob', { params })).body.job.paused).toBe(true);
  expect((await operator.call('resumeShardedJob', { params, body })).status).toBe(204);
  expect((await operator.call('getShardedJob', { params })).body.job.paused).toBe(false);
});

test('a job over the rooms on air visits each of them in the partition of its id, again and again', async () => {
  const client = house.context.rpc.client(RoomService);
  const roomIds: number[] = [];
  for (const name of ['host-one', 'host-two', 'host-three']) {
    const { streamKey } = await createTestHost(operator, name);
    const admitted = await client.admitPublish({ streamKey, edgeId: 'edge-1', remoteAddress: '192.0.2.1' });
    const { roomId = 0n, epoch = 0n } = admitted.room ?? {};
    const event = StreamEvent.STARTED;
    await client.reportStream({ roomId, epoch, sequence: 1, event, edgeId: 'edge-1', reason: '' });
    roomIds.push(Number(roomId));
  }
  const visits = new Map<number, number[]>();
  const work = await house.context.jobs.shard(
    { job: 'room.count', partitions: 8, intervalMs: 200 },
    async ({ partition, of, signal }) => {
      for await (const page of client.listOngoing({ partition, of }, { signal })) {
        await forEachItem(
          page.roomIds.map(Number),
          (roomId) => void visits.set(roomId, [...(visits.get(roomId) ?? []), partition]),
          { signal },
        );
      }
    },
  );
  await vi.waitFor(() => {
    for (const roomId of roomIds) expect(visits.get(roomId)?.length ?? 0).toBeGreaterThan(2);
  }, soon);
  await work[Symbol.asyncDispose]();
  for (const roomId of roomIds) expect(new Set(visits.get(roomId)).size).toBe(1);
  const { job } = (await operator.call('getShardedJob', { params: { jobName: 'room.count' } })).body;
  expect(job).toMatchObject({ partitions: 8, failures: 0 });
});

test('what is not there is unknown, a reason is needed, and all of it is for operators', async () => {
  const unknown = [
    await operator.call('runJobPlan', { params: { planName: 'none' }, body }),
    await operator.call('pauseJobPlan', { params: { planName: 'none' }, body }),
    await operator.call('getJobRun', { params: { runId: 999_999 } }),
    await operator.call('cancelJobRun', { params: { runId: 999_999 }, body }),
    await operator.call('getShardedJob', { params: { jobName: 'none' } }),
    await operator.call('pauseShardedJob', { params: { jobName: 'none' }, body }),
  ];
  expect(unknown.map(({ code }) => code)).toEqual([
    'PLAN_UNKNOWN',
    'PLAN_UNKNOWN',
    'RUN_UNKNOWN',
    'RUN_UNKNOWN',
    'JOB_UNKNOWN',
    'JOB_UNKNOWN',
  ]);
  const empty = { params: { planName: 'hourly' }, body: { reason: '' } };
  expect((await operator.call('pauseJobPlan', empty)).code).toBe('INVALID_REQUEST');
  const { session } = await createTestHost(operator, 'no-operator');
  expect((await session.call('listJobPlans')).code).toBe('FORBIDDEN');
});

test('every operation of jobs was answered with success, in the shape of its schema', () => {
  const names = Object.keys(jobOperations);
  expect([...TestClient.exercised].filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});

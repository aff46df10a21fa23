import { z } from 'zod';
import { timeMs } from './schemas.ts';

/** What operators see of jobs. */
const count = z.number().int().min(0);
const processId = z.string().describe('a process, until it is started again');
const misfirePolicy = z.enum(['ignore', 'once', 'catchUp']);
const failure = z.object({ code: z.string(), message: z.string() });

const schedule = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('cron'),
    pattern: z.string().describe('five fields, or six with seconds first'),
    timeZone: z.string().describe('IANA name'),
  }),
  z.object({ kind: z.literal('interval'), everyMs: z.number() }),
  z.object({ kind: z.literal('once'), atMs: timeMs }),
]);

export const plan = z
  .object({
    name: z.string(),
    kind: z.string().describe('of its jobs'),
    schedule,
    onOverlap: z
      .enum(['skip', 'queue', 'concurrent'])
      .describe('when a run is due while an earlier one is open'),
    concurrencyMax: count,
    onMisfire: misfirePolicy.describe('when nobody was there to begin a run'),
    catchUpMax: count.optional(),
    paused: z.boolean(),
    nextMs: timeMs.optional(),
    queuedMs: timeMs.optional().describe('due time of the run that waits for an earlier one'),
    lastMs: timeMs.optional(),
    runs: count,
    skipped: count,
    missed: count,
    open: count.describe('runs that wait or run now'),
  })
  .meta({ id: 'JobPlan' });

export const runState = z.enum(['waiting', 'running', 'done', 'failed']);

export const run = z
  .object({
    runId: count,
    kind: z.string(),
    key: z.string(),
    plan: z.string().optional(),
    state: runState,
    attempts: count.describe('times a worker took it'),
    failures: count.describe('times it failed by its own fault or its time limit'),
    progress: z.number().describe('0 to 1'),
    progressText: z.string().optional(),
    owner: processId.optional(),
    error: failure.optional().describe('the last failure'),
    createdMs: timeMs,
    notBeforeMs: timeMs,
    dueMs: timeMs.optional(),
    startedMs: timeMs.optional(),
    finishedMs: timeMs.optional(),
    askedBy: z.string().optional().describe('who asked for it out of turn'),
    cancelledBy: z.string().optional(),
  })
  .meta({ id: 'JobRun' });

export const line = z.object({ atMs: timeMs, text: z.string() });

export const shardedJob = z
  .object({
    name: z.string(),
    partitions: count,
    intervalMs: z.number(),
    onOverrun: z.enum(['skip', 'queue']),
    onMisfire: misfirePolicy,
    paused: z.boolean(),
    workers: z.array(z.object({ process: processId, partitions: count })),
    ticks: count,
    skipped: count,
    failures: count,
    lateMsMax: z.number().describe('of the last ticks of all partitions'),
    oldestTickMs: timeMs.optional(),
  })
  .meta({ id: 'ShardedJob' });

export const partition = z
  .object({
    partition: count,
    owner: processId,
    fence: count,
    tick: count,
    tickedMs: timeMs.optional(),
    lateMs: z.number(),
    durationMs: z.number(),
    ticks: count,
    skipped: count,
    failures: count,
    failedMs: timeMs.optional(),
    error: failure.optional(),
  })
  .meta({ id: 'JobPartition' });

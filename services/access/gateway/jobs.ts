import type { JobPartition, JobPlan, JobRun, ShardedJob } from '@gala/protocol/rest';
import type * as wire from '@gala/protocol/scheduler';
import { byOf } from './access.ts';
import type { Call, Handlers } from './call.ts';
import type { Parts } from './parts.ts';

type JobOperation =
  | 'listJobPlans'
  | 'runJobPlan'
  | 'pauseJobPlan'
  | 'resumeJobPlan'
  | 'listJobRuns'
  | 'getJobRun'
  | 'cancelJobRun'
  | 'listShardedJobs'
  | 'getShardedJob'
  | 'pauseShardedJob'
  | 'resumeShardedJob';

/** What operators see of jobs and do with them; the scheduler logs who did what, and why. */
export function jobHandlers(parts: Parts): Pick<Handlers, JobOperation> {
  return { ...planHandlers(parts), ...runHandlers(parts), ...shardHandlers(parts) };
}

/** A change of what `Name` names. */
type Change<Name extends string> = Pick<Call, 'caller' | 'rpc'> & {
  readonly params: Readonly<Record<Name, string>>;
  readonly body: { readonly reason: string };
};

type HandlersOf<Name extends JobOperation> = Pick<Handlers, Name>;

function planHandlers({
  scheduler,
}: Parts): HandlersOf<'listJobPlans' | 'runJobPlan' | 'pauseJobPlan' | 'resumeJobPlan'> {
  const pause = async (call: Change<'planName'>, paused: boolean) => {
    const { params, body, caller, rpc } = call;
    const { reason } = body;
    await scheduler.pausePlan({ name: params.planName, paused, by: await byOf(caller), reason }, rpc);
    return { body: undefined };
  };
  return {
    listJobPlans: async ({ rpc }) => {
      const { plans } = await scheduler.listPlans({}, rpc);
      return { body: { plans: plans.map(restPlan) } };
    },
    runJobPlan: async ({ params: { planName: name }, body: { reason }, caller, rpc }) => {
      const { runId } = await scheduler.runPlan({ name, by: await byOf(caller), reason }, rpc);
      return { body: { runId: Number(runId) } };
    },
    pauseJobPlan: (call) => pause(call, true),
    resumeJobPlan: (call) => pause(call, false),
  };
}

function runHandlers({ scheduler }: Parts): HandlersOf<'listJobRuns' | 'getJobRun' | 'cancelJobRun'> {
  return {
    listJobRuns: async ({ query: { plan, state, limit, before }, rpc }) => {
      const { runs } = await scheduler.listRuns({ plan, state, limit, before: BigInt(before) }, rpc);
      return { body: { runs: runs.map(restRun) } };
    },
    getJobRun: async ({ params, rpc }) => {
      const { run, lines } = await scheduler.getRun({ runId: BigInt(params.runId) }, rpc);
      if (!run) throw new TypeError('the scheduler answered no run');
      return {
        body: { run: restRun(run), lines: lines.map(({ atMs, text }) => ({ atMs: whole(atMs), text })) },
      };
    },
    cancelJobRun: async ({ params, body: { reason }, caller, rpc }) => {
      const request = { runId: BigInt(params.runId), by: await byOf(caller), reason };
      const { cancelled } = await scheduler.cancelRun(request, rpc);
      return { body: { cancelled } };
    },
  };
}

function shardHandlers({
  scheduler,
}: Parts): HandlersOf<'listShardedJobs' | 'getShardedJob' | 'pauseShardedJob' | 'resumeShardedJob'> {
  const pause = async (call: Change<'jobName'>, paused: boolean) => {
    const { params, body, caller, rpc } = call;
    const { reason } = body;
    await scheduler.pauseShardedJob({ name: params.jobName, paused, by: await byOf(caller), reason }, rpc);
    return { body: undefined };
  };
  return {
    listShardedJobs: async ({ rpc }) => {
      const { jobs } = await scheduler.listShardedJobs({}, rpc);
      return { body: { jobs: jobs.map(restShardedJob) } };
    },
    getShardedJob: async ({ params: { jobName: name }, rpc }) => {
      const { job, partitions } = await scheduler.getShardedJob({ name }, rpc);
      if (!job) throw new TypeError('the scheduler answered no job');
      return { body: { job: restShardedJob(job), partitions: partitions.map(restPartition) } };
    },
    pauseShardedJob: (call) => pause(call, true),
    resumeShardedJob: (call) => pause(call, false),
  };
}

function restPlan(plan: wire.Plan): JobPlan {
  const { name, kind, concurrencyMax, catchUpMax, paused, nextMs, queuedMs, lastMs, open } = plan;
  return {
    name,
    kind,
    schedule: restSchedule(plan.schedule),
    onOverlap: plan.onOverlap as JobPlan['onOverlap'],
    concurrencyMax,
    onMisfire: plan.onMisfire as JobPlan['onMisfire'],
    ...(catchUpMax && { catchUpMax }),
    paused,
    ...times({ nextMs, queuedMs, lastMs }),
    runs: Number(plan.runs),
    skipped: Number(plan.skipped),
    missed: Number(plan.missed),
    open,
  };
}

function restSchedule(schedule: wire.Plan['schedule']): JobPlan['schedule'] {
  switch (schedule.case) {
    case 'cron': {
      const { pattern, timeZone } = schedule.value;
      return { kind: 'cron', pattern, timeZone };
    }
    case 'everyMs':
      return { kind: 'interval', everyMs: schedule.value };
    case 'atMs':
      return { kind: 'once', atMs: whole(schedule.value) };
    default:
      throw new TypeError('the plan has no schedule');
  }
}

function restRun(run: wire.Run): JobRun {
  const { kind, key, plan, attempts, failures, progress, progressText, owner, askedBy, cancelledBy } = run;
  const { dueMs, startedMs, finishedMs } = run;
  return {
    runId: Number(run.runId),
    kind,
    key,
    ...(plan && { plan }),
    state: run.state as JobRun['state'],
    attempts,
    failures,
    progress,
    ...(progressText && { progressText }),
    ...(owner && { owner }),
    ...errorOf(run),
    createdMs: whole(run.createdMs),
    notBeforeMs: whole(run.notBeforeMs),
    ...times({ dueMs, startedMs, finishedMs }),
    ...(askedBy && { askedBy }),
    ...(cancelledBy && { cancelledBy }),
  };
}

function restShardedJob(job: wire.ShardedJob): ShardedJob {
  const { name, partitions, intervalMs, paused, lateMsMax, oldestTickMs } = job;
  return {
    name,
    partitions,
    intervalMs,
    onOverrun: job.onOverrun as ShardedJob['onOverrun'],
    onMisfire: job.onMisfire as ShardedJob['onMisfire'],
    paused,
    workers: job.workers.map((worker) => ({ process: worker.process, partitions: worker.partitions })),
    ticks: Number(job.ticks),
    skipped: Number(job.skipped),
    failures: Number(job.failures),
    lateMsMax,
    ...times({ oldestTickMs }),
  };
}

function restPartition(one: wire.Partition): JobPartition {
  const { partition, owner, lateMs, durationMs, tickedMs, failedMs } = one;
  return {
    partition,
    owner,
    fence: Number(one.fence),
    tick: Number(one.tick),
    lateMs,
    durationMs,
    ticks: Number(one.ticks),
    skipped: Number(one.skipped),
    failures: Number(one.failures),
    ...times({ tickedMs, failedMs }),
    ...errorOf(one),
  };
}

function errorOf({ errorCode: code, errorMessage: message }: { errorCode: string; errorMessage: string }) {
  return code ? { error: { code, message } } : {};
}

/** Whole milliseconds; the database knows more. */
function whole(timeMs: number): number {
  return Math.round(timeMs);
}

function times<Name extends string>(given: Record<Name, number | undefined>): Partial<Record<Name, number>> {
  const there = Object.entries<number | undefined>(given).flatMap(([name, timeMs]) =>
    timeMs === undefined ? [] : [[name, whole(timeMs)]],
  );
  return Object.fromEntries(there) as Partial<Record<Name, number>>;
}

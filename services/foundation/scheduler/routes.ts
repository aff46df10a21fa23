import { CodedError, hasCode } from '@gala/lib/error';
import type { Jobs, JobState, Plans, ShardViews } from '@gala/lib/jobs';
import { mapErrors, type Handlers } from '@gala/lib/rpc';
import { commonErrors, schedulerErrors } from '@gala/protocol/errors';
import type { SchedulerService } from '@gala/protocol/scheduler';
import { wirePartition, wirePlan, wireRun, wireShardedJob } from './conversions.ts';
import type { SchedulerEvents } from './events.ts';

export interface SchedulerParts {
  readonly jobs: Jobs;
  readonly plans: Plans;
  readonly shards: ShardViews;
  readonly events: SchedulerEvents;
}

const states: readonly string[] = ['waiting', 'running', 'done', 'failed'] satisfies JobState[];
const runsMax = 1000;

/** The contract over what `lib/jobs` keeps. */
export function createHandlers(parts: SchedulerParts): Handlers<typeof SchedulerService> {
  return mapErrors({ ...planHandlers(parts), ...runHandlers(parts), ...shardHandlers(parts) }, translate);
}

type Table = Handlers<typeof SchedulerService>;

function planHandlers({ plans, events }: SchedulerParts): Pick<Table, 'listPlans' | 'runPlan' | 'pausePlan'> {
  return {
    listPlans: async () => ({ plans: (await plans.list()).map(wirePlan) }),
    runPlan: async ({ name, by, reason }) => {
      const runId = await plans.runNow(name, by);
      events.runAsked({ plan: name, runId, by, reason });
      return { runId: BigInt(runId) };
    },
    pausePlan: async ({ name, paused, by, reason }) => {
      await plans.setPaused(name, paused, by);
      events.planPaused({ plan: name, paused, by, reason });
      return {};
    },
  };
}

function runHandlers({ jobs, events }: SchedulerParts): Pick<Table, 'listRuns' | 'getRun' | 'cancelRun'> {
  return {
    listRuns: async ({ plan, state, limit, before }) => {
      if (limit < 1 || limit > runsMax) throw new CodedError(commonErrors, 'INVALID_REQUEST');
      const runs = await jobs.list({
        limit,
        ...(plan && { plan }),
        ...(states.includes(state) && { state: state as JobState }),
        ...(before && { before: Number(before) }),
      });
      return { runs: runs.map(wireRun) };
    },
    getRun: async ({ runId }) => {
      const id = Number(runId);
      const run = await jobs.read(id);
      if (!run) throw new CodedError(schedulerErrors, 'RUN_UNKNOWN');
      return { run: wireRun(run), lines: await jobs.lines(id) };
    },
    cancelRun: async ({ runId, by, reason }) => {
      const id = Number(runId);
      if (!(await jobs.read(id))) throw new CodedError(schedulerErrors, 'RUN_UNKNOWN');
      const cancelled = await jobs.cancel(id, by);
      events.runCancelled({ runId: id, by, reason, cancelled });
      return { cancelled };
    },
  };
}

function shardHandlers({
  shards,
  events,
}: SchedulerParts): Pick<Table, 'listShardedJobs' | 'getShardedJob' | 'pauseShardedJob'> {
  return {
    listShardedJobs: async () => ({ jobs: (await shards.list()).map(wireShardedJob) }),
    getShardedJob: async ({ name }) => {
      const { job, partitions } = await shards.get(name);
      return { job: wireShardedJob(job), partitions: partitions.map(wirePartition) };
    },
    pauseShardedJob: async ({ name, paused, by, reason }) => {
      await shards.setPaused(name, paused);
      events.shardedJobPaused({ job: name, paused, by, reason });
      return {};
    },
  };
}

/** The codes of lib/jobs that this contract names too, and engines that are away. */
function translate(error: unknown): unknown {
  for (const code of ['PLAN_UNKNOWN', 'PLAN_BUSY', 'JOB_UNKNOWN'] as const) {
    if (hasCode(error, code)) return new CodedError(schedulerErrors, code, { cause: error });
  }
  if (hasCode(error, 'COORD_UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'DATABASE_BUSY', 'STATEMENT_TIMEOUT')) {
    return new CodedError(commonErrors, 'UNAVAILABLE', { cause: error, retryAfterSeconds: 1 });
  }
  return error;
}

import { z } from 'zod';
import * as shape from './job-schemas.ts';
import type { Operation } from './operation.ts';
import { reason } from './stream-schemas.ts';

const body = z.object({ reason });
const runIdMax = Number.MAX_SAFE_INTEGER;

/** What operators see of jobs and do with them. */
export const jobOperations = {
  listJobPlans: {
    method: 'GET',
    path: '/v1/jobs/plans',
    summary: 'Plans: what is run when, and how it went',
    access: 'operator',
    scope: 'jobs:read',
    status: 200,
    response: z.object({ plans: z.array(shape.plan) }),
  },
  runJobPlan: {
    method: 'POST',
    path: '/v1/jobs/plans/{planName}/run',
    summary: 'Begin a run of a plan now, out of turn',
    access: 'operator',
    scope: 'jobs:write',
    body,
    status: 201,
    response: z.object({ runId: z.number().int() }),
  },
  pauseJobPlan: {
    method: 'POST',
    path: '/v1/jobs/plans/{planName}/pause',
    summary: 'Begin no more runs of a plan; those under way go on',
    access: 'operator',
    scope: 'jobs:write',
    body,
    status: 204,
  },
  resumeJobPlan: {
    method: 'POST',
    path: '/v1/jobs/plans/{planName}/resume',
    summary: 'Begin runs of a plan again, from its next time on',
    access: 'operator',
    scope: 'jobs:write',
    body,
    status: 204,
  },
  listJobRuns: {
    method: 'GET',
    path: '/v1/jobs/runs',
    summary: 'Jobs that wait, run and have ended, newest first',
    access: 'operator',
    scope: 'jobs:read',
    query: z.object({
      plan: z.string().max(64).default(''),
      state: shape.runState.or(z.literal('')).default(''),
      limit: z.coerce.number().int().min(1).max(1000).default(50),
      before: z.coerce.number().int().min(0).max(runIdMax).default(0),
    }),
    status: 200,
    response: z.object({ runs: z.array(shape.run) }),
  },
  getJobRun: {
    method: 'GET',
    path: '/v1/jobs/runs/{runId}',
    summary: 'One run with its log',
    access: 'operator',
    scope: 'jobs:read',
    status: 200,
    response: z.object({ run: shape.run, lines: z.array(shape.line) }),
  },
  cancelJobRun: {
    method: 'POST',
    path: '/v1/jobs/runs/{runId}/cancel',
    summary: 'End a run: one that waits at once, one that runs within a second or two',
    access: 'operator',
    scope: 'jobs:write',
    body,
    status: 200,
    response: z.object({ cancelled: z.boolean().describe('false: it had ended already') }),
  },
  listShardedJobs: {
    method: 'GET',
    path: '/v1/jobs/sharded',
    summary: 'Jobs that tick in partitions, and who works on them',
    access: 'operator',
    scope: 'jobs:read',
    status: 200,
    response: z.object({ jobs: z.array(shape.shardedJob) }),
  },
  getShardedJob: {
    method: 'GET',
    path: '/v1/jobs/sharded/{jobName}',
    summary: 'One sharded job with its partitions',
    access: 'operator',
    scope: 'jobs:read',
    status: 200,
    response: z.object({ job: shape.shardedJob, partitions: z.array(shape.partition) }),
  },
  pauseShardedJob: {
    method: 'POST',
    path: '/v1/jobs/sharded/{jobName}/pause',
    summary: 'Let a sharded job tick nowhere',
    access: 'operator',
    scope: 'jobs:write',
    body,
    status: 204,
  },
  resumeShardedJob: {
    method: 'POST',
    path: '/v1/jobs/sharded/{jobName}/resume',
    summary: 'Let a sharded job tick again',
    access: 'operator',
    scope: 'jobs:write',
    body,
    status: 204,
  },
} as const satisfies Record<string, Operation>;

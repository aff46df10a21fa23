import type { JobRecord, MisfirePolicy, PartitionRecord, PlanRecord, ShardedJobRecord } from '@gala/lib/jobs';

/** Between the records of lib/jobs and the messages of the contract. */
export function wirePlan(plan: PlanRecord) {
  const { name, kind, policies, isPaused: paused, runs, skipped, missed, open } = plan;
  const { onOverlap, concurrencyMax, onMisfire } = policies;
  return {
    name,
    kind,
    schedule: wireSchedule(plan.schedule),
    onOverlap,
    concurrencyMax,
    ...wireMisfire(onMisfire),
    paused,
    ...defined({ nextMs: plan.nextMs, queuedMs: plan.queuedMs, lastMs: plan.lastMs }),
    runs: BigInt(runs),
    skipped: BigInt(skipped),
    missed: BigInt(missed),
    open,
  };
}

export function wireRun(run: JobRecord) {
  const { kind, key, state, attempts, failures, progress, progressText, createdMs, notBeforeMs } = run;
  return {
    runId: BigInt(run.id),
    kind,
    key,
    plan: run.plan ?? '',
    state,
    attempts,
    failures,
    progress,
    progressText,
    owner: run.owner ?? '',
    errorCode: run.errorCode ?? '',
    errorMessage: run.errorMessage ?? '',
    createdMs,
    notBeforeMs,
    ...defined({ dueMs: run.dueMs, startedMs: run.startedMs, finishedMs: run.finishedMs }),
    askedBy: run.askedBy ?? '',
    cancelledBy: run.cancelledBy ?? '',
  };
}

export function wireShardedJob(job: ShardedJobRecord) {
  const { name, partitions, options, isPaused: paused, ticks, skipped, failures, lateMsMax } = job;
  const { intervalMs, onOverrun = 'skip', onMisfire = 'once' } = options;
  return {
    name,
    partitions,
    intervalMs,
    onOverrun: onOverrun === 'skip' ? 'skip' : 'queue',
    onMisfire: wireMisfire(onMisfire).onMisfire,
    paused,
    workers: [...job.workers],
    ticks: BigInt(ticks),
    skipped: BigInt(skipped),
    failures: BigInt(failures),
    lateMsMax,
    ...defined({ oldestTickMs: job.oldestTickMs }),
  };
}

export function wirePartition(record: PartitionRecord) {
  const { partition, owner, lateMs, durationMs, errorCode, errorMessage } = record;
  return {
    partition,
    owner,
    fence: BigInt(record.fence),
    tick: BigInt(record.tick),
    lateMs,
    durationMs,
    ticks: BigInt(record.ticks),
    skipped: BigInt(record.skipped),
    failures: BigInt(record.failures),
    ...defined({ tickedMs: record.tickedMs, failedMs: record.failedMs }),
    errorCode,
    errorMessage,
  };
}

function wireSchedule(schedule: PlanRecord['schedule']) {
  switch (schedule.kind) {
    case 'cron': {
      const { pattern, timeZone } = schedule;
      return { case: 'cron', value: { pattern, timeZone } } as const;
    }
    case 'interval':
      return { case: 'everyMs', value: schedule.everyMs } as const;
    default:
      return { case: 'atMs', value: schedule.atMs } as const;
  }
}

function wireMisfire(policy: MisfirePolicy): { onMisfire: string; catchUpMax?: number } {
  if (typeof policy === 'string') return { onMisfire: policy };
  return { onMisfire: 'catchUp', catchUpMax: policy.catchUp };
}

/** Without the fields that are null. */
function defined<Fields extends object>(fields: Fields) {
  const there = Object.entries(fields).filter(([, value]) => value !== null);
  return Object.fromEntries(there) as { [Name in keyof Fields]?: NonNullable<Fields[Name]> };
}

import type { PoolClient } from 'pg';
import type { OverlapPolicy, PlanPolicies } from './planning.ts';
import type { Schedule } from './schedule.ts';
import type { MisfirePolicy, OverrunPolicy } from './ticks.ts';

export type JobState = 'waiting' | 'running' | 'done' | 'failed';

export interface JobRequest {
  /** What is to be done: at most 64 characters. */
  readonly kind: string;
  /** On what: at most 256 characters. One job of a kind and key is open at a time. */
  readonly key: string;
  /** At most 64 KiB of JSON. */
  readonly payload: unknown;
  /** Not before so many ms have passed. */
  readonly delayMs?: number;
}

/** A job as others see it; times in ms since 1970. */
export interface JobRecord {
  readonly id: number;
  readonly kind: string;
  readonly key: string;
  readonly payload: unknown;
  readonly state: JobState;
  /** Times a worker took it. */
  readonly attempts: number;
  /** Times it failed by its own fault or its time limit. */
  readonly failures: number;
  readonly notBeforeMs: number;
  /** 0..1, at most a second old. */
  readonly progress: number;
  readonly progressText: string;
  readonly fence: number;
  /** Process that works on it. */
  readonly owner: string | null;
  readonly result: unknown;
  /** Of the last failure. */
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly createdMs: number;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
  /** Plan that it is a run of, when that was due, and who asked for it out of turn. */
  readonly plan: string | null;
  readonly dueMs: number | null;
  readonly askedBy: string | null;
  readonly cancelledBy: string | null;
}

/** A line of the log of a run. */
export interface JobLine {
  readonly atMs: number;
  readonly text: string;
}

/** A job in the hands of its handler. */
export interface Job<Payload = unknown> {
  readonly id: number;
  readonly kind: string;
  readonly key: string;
  readonly payload: Payload;
  /** 1 the first time. */
  readonly attempt: number;
  /**
   * Grows with every taking of any job: who keeps the highest fence it has seen for a key, and refuses lower
   * ones, has every effect from the newest worker only.
   */
  readonly fence: number;
  /** Aborted with JOB_TIMED_OUT, JOB_LOST, JOB_CANCELLED or JOBS_CLOSED: no new effects from then on. */
  readonly signal: AbortSignal;
  /** How far it is, 0..1; others see it within a second. */
  progress(share: number, text?: string): void;
  /** A line of the log of this run, at most 256 characters; 200 lines an attempt are kept, within a second. */
  log(text: string): void;
  /**
   * Ends the job in one transaction of the core database with its effect: both happen, once, or neither. What
   * `work` answers is the result. It may pause for at most 3 s between two statements. Errors: JOB_LOST, JOB_TOO_LARGE, those of `work`; the transaction is undone.
   */
  commit<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result>;
}

/** Its answer is the result: at most 64 KiB of JSON. What it throws fails the attempt. */
export type JobHandler<Payload = unknown> = (job: Job<Payload>) => Promise<unknown>;

export interface HandleOptions {
  /** Jobs of the kind at once in this process; 1 unless told. */
  readonly concurrency?: number;
  /** Of one attempt; 10 minutes unless told. */
  readonly timeLimitMs?: number;
  /** Further attempts after a failure; 3 unless told. A worker that dies is none. */
  readonly retries?: number;
  /** Waits between attempts: 1 s to 5 minutes unless told. */
  readonly retryMs?: { readonly initial: number; readonly max: number };
  /** False for errors that the next attempt would meet again; all others are retried. */
  readonly isRetryable?: (error: unknown) => boolean;
}

export interface ListJobs {
  readonly kind?: string;
  readonly plan?: string;
  readonly state?: JobState;
  /** Only jobs with a smaller id, for the next page. */
  readonly before?: number;
  /** 1 to 1000, 100 unless told. */
  readonly limit?: number;
}

export interface ShardOptions {
  /** Name of the job: at most 64 lower-case letters, digits, dots and dashes. */
  readonly job: string;
  /** Fixed for good once the job has run: 64 unless told, at most 1024. */
  readonly partitions?: number;
  /** Each partition ticks so often, one after the other over the interval. At least 10. */
  readonly intervalMs: number;
  /** For ticks that came due while one of the partition was under way: `skip` unless told. */
  readonly onOverrun?: OverrunPolicy;
  /** For ticks that came due while nobody had the partition: `once` unless told. */
  readonly onMisfire?: MisfirePolicy;
  /** Of one attempt; a minute unless told. */
  readonly timeLimitMs?: number;
  /** Further attempts at the same tick: none unless told, since the next tick comes anyway. */
  readonly retries?: number;
  /** Waits between attempts: 100 ms to 5 s unless told. */
  readonly retryMs?: { readonly initial: number; readonly max: number };
}

/** One tick of one partition in the hands of its handler. */
export interface Tick {
  readonly job: string;
  /** 0 to `of` - 1. */
  readonly partition: number;
  readonly of: number;
  /** Number of the tick: its due time in intervals since 1970. Each is larger than the one before. */
  readonly tick: number;
  /** When it was due by the database's clock, ms since 1970. */
  readonly dueMs: number;
  /** 1 the first time. */
  readonly attempt: number;
  /** Of the lease: grows with every worker that takes the partition. */
  readonly fence: number;
  /** Aborted with JOB_TIMED_OUT, JOB_LOST or JOBS_CLOSED: no new effects from then on. */
  readonly signal: AbortSignal;
  /**
   * Makes the effect of the tick in one transaction of the core database, exactly once: the transaction is refused
   * unless the tick is newer than the last one made and nobody has taken the partition since. It may pause for at
   * most 3 s between two statements. Errors: JOB_LOST, TICK_DONE (made before; the answer to it was lost), those of
   * `work`; the transaction is undone. Both codes may be thrown on.
   */
  commit<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result>;
}

/** What it throws fails the attempt. Without `commit`, its effects happen at least once and have to be idempotent. */
export type TickHandler = (tick: Tick) => Promise<unknown>;

/** Who is to have which partition. */
export interface ShardPlan {
  /** Process ids, by partition. */
  readonly owners: readonly string[];
  /** Worker that made the plan. */
  readonly planner: string;
  /** Nobody ticks. */
  readonly isPaused: boolean;
}

/** A sharded job as others see it; times in ms since 1970. */
export interface ShardedJobRecord {
  readonly name: string;
  readonly partitions: number;
  readonly options: ShardOptions;
  readonly isPaused: boolean;
  /** Processes that are to have partitions, with how many. */
  readonly workers: readonly { readonly process: string; readonly partitions: number }[];
  readonly ticks: number;
  readonly skipped: number;
  readonly failures: number;
  /** Of the last ticks of all partitions. */
  readonly lateMsMax: number;
  readonly oldestTickMs: number | null;
}

/** A partition of a sharded job as others see it. */
export interface PartitionRecord {
  readonly partition: number;
  /** Process that took it last. */
  readonly owner: string;
  readonly fence: number;
  readonly tick: number;
  readonly tickedMs: number | null;
  readonly lateMs: number;
  readonly durationMs: number;
  readonly ticks: number;
  readonly skipped: number;
  readonly failures: number;
  /** Of its last failure. */
  readonly failedMs: number | null;
  readonly errorCode: string;
  readonly errorMessage: string;
}

/** This process's part in a sharded job. */
export interface ShardedWork extends AsyncDisposable {
  /** Partitions that it holds now. */
  held(): number[];
}

/** What is to be run when: each run is a job of its kind. */
export interface PlanDefinition {
  /** At most 64 lower-case letters, digits, dots and dashes. */
  readonly name: string;
  /** Of its jobs; processes that handle the kind run them. */
  readonly kind: string;
  readonly schedule: Schedule;
  /** At most 64 KiB of JSON. */
  readonly payload?: unknown;
  /** `skip` unless told. */
  readonly onOverlap?: OverlapPolicy;
  /** Open runs at once with `concurrent`; 1 unless told. */
  readonly concurrencyMax?: number;
  /** `once` unless told. */
  readonly onMisfire?: MisfirePolicy;
  /** A run that could not be begun for this long was missed; 10 s unless told. */
  readonly misfireMs?: number;
  /** Of each run, where they are others than the handler's. */
  readonly retries?: number;
  readonly timeLimitMs?: number;
}

/** A plan as others see it; times in ms since 1970. */
export interface PlanRecord {
  readonly name: string;
  readonly kind: string;
  readonly schedule: Schedule;
  readonly policies: PlanPolicies;
  readonly payload: unknown;
  readonly retries: number | null;
  readonly timeLimitMs: number | null;
  readonly isPaused: boolean;
  readonly nextMs: number | null;
  /** The run that waits for an earlier one to end, by the time it was due. */
  readonly queuedMs: number | null;
  /** When the last run was due. */
  readonly lastMs: number | null;
  readonly runs: number;
  /** Runs that the overlap policy, and the misfire policy, left out. */
  readonly skipped: number;
  readonly missed: number;
  /** Runs that wait or run now. */
  readonly open: number;
  readonly changedBy: string;
  readonly changedMs: number;
}

/** Work that must be done once, by whichever process has a handler for it, and outlives each of them. */
export interface Jobs extends AsyncDisposable {
  /**
   * Adds a job, or answers with the open one of the same kind and key. Errors: JOBS_FULL, JOB_TOO_LARGE,
   * JOBS_CLOSED, those of lib/sql.
   */
  enqueue(request: JobRequest): Promise<{ readonly id: number; readonly isNew: boolean }>;
  /** Takes jobs of a kind until it is disposed, which gives those under way back to others. */
  handle<Payload>(kind: string, options: HandleOptions, handler: JobHandler<Payload>): AsyncDisposable;
  /**
   * Makes a plan or changes it to this; whoever runs the role `scheduler` begins its runs. Errors: SCHEDULE_INVALID,
   * JOB_TOO_LARGE, those of lib/sql.
   */
  plan(definition: PlanDefinition): Promise<void>;
  /**
   * Takes part in a sharded job until disposed: about partitions ÷ workers of them are this process's. Errors: those
   * of lib/coord and lib/sql.
   */
  shard(options: ShardOptions, handler: TickHandler): Promise<ShardedWork>;
  /** The newest job of a kind and key. */
  find(kind: string, key: string): Promise<JobRecord | undefined>;
  /** Newest first. */
  list(options?: ListJobs): Promise<JobRecord[]>;
  read(id: number): Promise<JobRecord | undefined>;
  /** What a run has logged. */
  lines(id: number): Promise<JobLine[]>;
  /** Ends an open job: one that waits at once, one that runs when its worker is next heard; false when it has ended. */
  cancel(id: number, by: string): Promise<boolean>;
}

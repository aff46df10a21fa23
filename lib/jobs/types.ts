import type { PoolClient } from 'pg';

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
  /** Aborted with JOB_TIMED_OUT, JOB_LOST or JOBS_CLOSED: no new effects from then on. */
  readonly signal: AbortSignal;
  /** How far it is, 0..1; others see it within a second. */
  progress(share: number, text?: string): void;
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
  readonly state?: JobState;
  /** Only jobs with a smaller id, for the next page. */
  readonly before?: number;
  /** 1 to 1000, 100 unless told. */
  readonly limit?: number;
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
  /** The newest job of a kind and key. */
  find(kind: string, key: string): Promise<JobRecord | undefined>;
  /** Newest first. */
  list(options?: ListJobs): Promise<JobRecord[]>;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock/index.ts';
import type { Coord } from '../coord/index.ts';
import { CodedError, hasCode, invariant, codeOf } from '../error/index.ts';
import { Backoff, Ticker } from '../timing/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { outageCodes, type Database } from '../sql/index.ts';
import { jobErrors } from './errors.ts';
import {
  abortMsMax,
  beatEveryMs,
  encodeJson,
  historyMaxDefault,
  historyMsMaxDefault,
  lossesMax,
  note,
  outageMs,
  pollEveryMs,
  trimEveryMs,
  ttlMs,
  waitingMaxDefault,
} from './limits.ts';
import { RunningJob, type Outcome } from './running-job.ts';
import * as statements from './statements.ts';
import type { ClaimedJob, FencedJob } from './statements.ts';
import { Plans } from './plans.ts';
import { Shards } from './shards.ts';
import type {
  HandleOptions,
  JobHandler,
  JobLine,
  JobRecord,
  JobRequest,
  Jobs,
  ListJobs,
  PlanDefinition,
  ShardOptions,
  ShardedWork,
  TickHandler,
} from './types.ts';

export interface JobsOptions {
  /** The core database, with the migrations of `jobMigrations`. */
  readonly database: Database;
  /** For sharded jobs, whose partitions are its leases; without it there are none. */
  readonly coord?: Coord;
  /** Owner of the jobs that run here; unique per process start. */
  readonly processId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jobs of a kind that may wait; one more is JOBS_FULL. 10,000 unless told. */
  readonly waitingMax?: number;
  /** Ended jobs of a kind that are kept, and for how long: 1,000 and 7 days unless told. */
  readonly historyMax?: number;
  readonly historyMsMax?: number;
}

interface Handling {
  readonly options: HandleOptions;
  readonly handler: JobHandler;
  /** All whose handler has not ended, those that ignore their end included: they hold their slot. */
  readonly running: Set<RunningJob>;
}

const counterNames = [
  'enqueued',
  'joined',
  'refusals',
  'claimed',
  'done',
  'retried',
  'failed',
  'lost',
  'released',
  'timedOut',
  'trimmed',
  'engineFailures',
] as const;
const enqueueTries = 5;
const recordRetryMs = 200;

/**
 * Takes and runs jobs by leases in the table `job`: taken with SKIP LOCKED, renewed by one statement a second for
 * all that run here, free for others 3 s after their worker was last heard. They are rows and not leases of
 * lib/coord, which are for fixed partitions; the rules are the same, down to one TTL of grace for all after the
 * database was away.
 */
export class JobRunner implements Jobs {
  readonly #options: JobsOptions;
  readonly #handlings = new Map<string, Handling>();
  /** Those that take nothing new. */
  readonly #ending = new WeakSet<Handling>();
  readonly #counters: Record<(typeof counterNames)[number], number>;
  readonly #tickers: readonly Ticker[];
  readonly #shards: Shards;
  #claiming: Promise<void> | undefined;
  #isClaimWanted = false;
  #heardSinceMs = Infinity;
  #heardMs = -Infinity;
  #isClosed = false;

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#shards = new Shards(options);
    const { logger, metrics } = options;
    this.#counters = metrics.counters('jobs', counterNames);
    metrics.gauge('gala_jobs_running', 'jobs that run in this process', () => this.#running().length);
    const ticker = (name: string, intervalMs: number, run: () => Promise<void>): Ticker =>
      new Ticker({ name, intervalMs, run, logger, unref: true });
    this.#tickers = [
      ticker('jobs claim', pollEveryMs, () => this.#claimSoon()),
      ticker('jobs beat', beatEveryMs, () => this.#beat()),
      ticker('jobs trim', trimEveryMs, () => this.#trim()),
    ];
  }

  async enqueue(request: JobRequest): Promise<{ id: number; isNew: boolean }> {
    const { kind, key } = request;
    invariant(kind.length <= 64 && key.length <= 256, 'kind and key of a job are short');
    if (this.#isClosed) throw new CodedError(jobErrors, 'JOBS_CLOSED');
    const json = encodeJson(request.payload);
    const waitingMax = this.#options.waitingMax ?? waitingMaxDefault;
    for (let tries = 0; tries < enqueueTries; tries++) {
      const { id, isNew, isFull } = await statements.enqueueJob(this.#pool, { ...request, json, waitingMax });
      if (id !== null) return this.#enqueued(request, { id, isNew });
      if (isFull) break;
      // One that was open a moment ago was made or ended by another meanwhile.
    }
    this.#counters.refusals++;
    throw new CodedError(jobErrors, 'JOBS_FULL', { detail: kind, retryAfterSeconds: 5 });
  }

  handle<Payload>(kind: string, options: HandleOptions, handler: JobHandler<Payload>): AsyncDisposable {
    invariant(!this.#handlings.has(kind), `${kind} has one handler a process`);
    const handling = { options, handler: handler as JobHandler, running: new Set<RunningJob>() };
    this.#handlings.set(kind, handling);
    void this.#claimSoon();
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#handlings.get(kind) !== handling) return;
        await this.#endHandling(handling);
        this.#handlings.delete(kind);
      },
    };
  }

  plan(definition: PlanDefinition): Promise<void> {
    return new Plans(this.#options.database).put(definition, this.#options.processId);
  }

  shard(options: ShardOptions, handler: TickHandler): Promise<ShardedWork> {
    if (this.#isClosed) throw new CodedError(jobErrors, 'JOBS_CLOSED');
    return this.#shards.start(options, handler);
  }

  find(kind: string, key: string): Promise<JobRecord | undefined> {
    return statements.findJob(this.#pool, kind, key);
  }

  list(options: ListJobs = {}): Promise<JobRecord[]> {
    return statements.listJobs(this.#pool, options);
  }

  read(id: number): Promise<JobRecord | undefined> {
    return statements.readJob(this.#pool, id);
  }

  lines(id: number): Promise<JobLine[]> {
    return statements.readLines(this.#pool, id);
  }

  cancel(id: number, by: string): Promise<boolean> {
    return statements.cancelJob(this.#pool, id, by);
  }

  /** Running handlers are told, and what they leave is given to others at once; renewals go on until then. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#shards[Symbol.asyncDispose]();
    await Promise.all([...this.#handlings.values()].map((handling) => this.#endHandling(handling)));
    for (const job of this.#running()) job.letGo();
    await Promise.all(this.#tickers.map((ticker) => ticker[Symbol.asyncDispose]()));
  }

  get #pool() {
    return this.#options.database.pool;
  }

  #running(): RunningJob[] {
    return [...this.#handlings.values()].flatMap(({ running }) => [...running]);
  }

  #enqueued(
    { kind, delayMs }: JobRequest,
    made: { id: number; isNew: boolean },
  ): { id: number; isNew: boolean } {
    this.#counters[made.isNew ? 'enqueued' : 'joined']++;
    if (made.isNew && !delayMs && this.#handlings.has(kind)) void this.#claimSoon();
    return made;
  }

  async #endHandling(handling: Handling): Promise<void> {
    this.#ending.add(handling);
    await this.#claiming;
    for (const job of handling.running) job.abort('JOBS_CLOSED');
    const endsAtMs = this.#options.clock.monotonicMs() + abortMsMax + recordRetryMs;
    while (this.#isHolding(handling) && this.#options.clock.monotonicMs() < endsAtMs) await sleep(10);
  }

  #isHolding({ running }: Handling): boolean {
    return [...running].some(({ isHeld }) => isHeld);
  }

  /** One claim at a time; one that is asked for meanwhile comes after it. */
  #claimSoon(): Promise<void> {
    this.#isClaimWanted = true;
    this.#claiming ??= this.#claimAll().finally(() => (this.#claiming = undefined));
    return this.#claiming;
  }

  async #claimAll(): Promise<void> {
    while (this.#isClaimWanted && !this.#isClosed) {
      this.#isClaimWanted = false;
      await this.#engine(() => this.#claim());
    }
  }

  async #claim(): Promise<void> {
    const slots = this.#freeSlots();
    if (slots.size === 0) return;
    const sentMs = this.#options.clock.monotonicMs();
    const isTakeover = sentMs - this.#heardSinceMs >= ttlMs;
    const rows = await statements.claimJobs(this.#pool, {
      owner: this.#options.processId,
      slots,
      isTakeover,
    });
    this.#heard();
    for (const row of rows) void this.#start(row, this.#options.clock.monotonicMs() - sentMs);
  }

  #freeSlots(): Map<string, number> {
    const slots = new Map<string, number>();
    for (const [kind, handling] of this.#handlings) {
      const free = (handling.options.concurrency ?? 1) - handling.running.size;
      if (free > 0 && !this.#ending.has(handling)) slots.set(kind, free);
    }
    return slots;
  }

  async #start(row: ClaimedJob, sinceSentMs: number): Promise<void> {
    const handling = this.#handlings.get(row.kind)!;
    const job = new RunningJob(row, this.#pool);
    this.#counters.claimed++;
    handling.running.add(job);
    job.renewed(sinceSentMs);
    const ended = (): void => {
      handling.running.delete(job);
      void this.#claimSoon();
    };
    const outcome = await this.#outcome(job, handling, ended);
    await job.flushLines(true).catch((error: unknown) => this.#note(error));
    await this.#settle(job, handling.options, outcome).catch((error: unknown) => this.#note(error));
    job.letGo();
  }

  async #outcome(job: RunningJob, { options, handler }: Handling, ended: () => void): Promise<Outcome> {
    const losses = job.attempt - 1 - job.failures;
    if (job.isCancelled) {
      ended();
      return { kind: 'failed', error: new CodedError(jobErrors, 'JOB_CANCELLED') };
    }
    const timeLimitMs = job.timeLimitMs ?? options.timeLimitMs ?? 600_000;
    if (losses <= lossesMax) return job.run(handler, timeLimitMs, ended);
    ended();
    const detail = `${losses} workers ended while it ran`;
    return { kind: 'failed', error: new CodedError(jobErrors, 'JOB_LOST', { detail }) };
  }

  async #settle(job: RunningJob, options: HandleOptions, outcome: Outcome): Promise<void> {
    if (outcome.kind === 'committed') this.#counters.done++;
    else if (outcome.kind === 'lost') this.#counters.lost++;
    else if (outcome.kind === 'closed') await this.#record('released', job, statements.releaseJob);
    else if (outcome.kind === 'done') await this.#finish(job, options, outcome.result);
    else await this.#fail(job, options, outcome.error);
  }

  async #finish(job: RunningJob, options: HandleOptions, result: unknown): Promise<void> {
    try {
      const json = encodeJson(result);
      await this.#record('done', job, (pool, fenced) => statements.finishJob(pool, fenced, json));
    } catch (error) {
      // A result that the database does not take would not be taken the next time.
      await this.#fail(job, { ...options, isRetryable: () => false }, error);
    }
  }

  async #fail(job: RunningJob, options: HandleOptions, error: unknown): Promise<void> {
    const { retryMs = { initial: 1000, max: 300_000 }, isRetryable } = options;
    const retries = job.retriesMax ?? options.retries ?? 3;
    const code = codeOf(error);
    const message = note(error instanceof Error ? error.message : String(error));
    const isLast = job.failures >= retries || isFinal(code) || isRetryable?.(error) === false;
    const backoff = new Backoff({ initialMs: retryMs.initial, maxMs: retryMs.max });
    backoff.attempts = job.failures;
    const retryInMs = isLast ? undefined : backoff.nextMs();
    if (code === 'JOB_TIMED_OUT') this.#counters.timedOut++;
    const { id, kind, key, attempt } = job;
    this.#options.logger.warn({ error, job: id, kind, key, attempt, retryInMs }, 'job failed');
    await this.#record(isLast ? 'failed' : 'retried', job, (pool, fenced) =>
      statements.failJob(pool, fenced, { code, message, retryInMs }),
    );
  }

  /** Tries as long as the job is ours: an end that is not recorded is another run. */
  async #record(
    name: 'done' | 'failed' | 'retried' | 'released',
    job: RunningJob,
    write: (pool: Database['pool'], job: FencedJob) => Promise<boolean>,
  ): Promise<void> {
    for (;;) {
      try {
        const wasMine = await write(this.#pool, job);
        this.#counters[wasMine ? name : 'lost']++;
        return;
      } catch (error) {
        if (!hasCode(error, ...outageCodes)) throw error;
        this.#note(error);
        if (hasCode(job.signal.reason, 'JOB_LOST')) return;
        await sleep(recordRetryMs);
      }
    }
  }

  async #beat(): Promise<void> {
    const held = this.#running().filter(({ isHeld }) => isHeld);
    if (held.length === 0) return;
    await this.#engine(async () => {
      const sentMs = this.#options.clock.monotonicMs();
      const kept = await statements.beatJobs(this.#pool, this.#options.processId, held);
      this.#heard();
      const sinceSentMs = this.#options.clock.monotonicMs() - sentMs;
      for (const job of held) {
        const row = kept.get(job.id);
        if (row?.isCancelled) job.abort('JOB_CANCELLED');
        else if (row) job.renewed(sinceSentMs);
        else if (job.isHeld) job.abort('JOB_LOST');
        await job.flushLines(false);
      }
    });
  }

  async #trim(): Promise<void> {
    const { historyMax = historyMaxDefault, historyMsMax = historyMsMaxDefault } = this.#options;
    const kinds = [...this.#handlings.keys()];
    if (kinds.length === 0) return;
    await this.#engine(async () => {
      this.#counters.trimmed += await statements.trimJobs(this.#pool, kinds, { historyMax, historyMsMax });
    });
  }

  /** The dead are not told from the silent before the database has been heard without a gap for one TTL. */
  #heard(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#heardMs > outageMs) this.#heardSinceMs = nowMs;
    this.#heardMs = nowMs;
  }

  /** While the database is away nothing is taken, and what runs is ended by its own lease. */
  async #engine(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!hasCode(error, ...outageCodes)) throw error;
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    this.#counters.engineFailures++;
    this.#options.logger.warn({ error }, 'job engine failed');
  }
}

/** Codes after which another attempt makes no sense. */
function isFinal(code: string): boolean {
  return code === 'JOB_LOST' || code === 'JOB_CANCELLED';
}

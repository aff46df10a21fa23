import { setTimeout as sleep } from 'node:timers/promises';
import { leadByLease, type Coord } from '../coord/index.ts';
import { hasCode } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { outageCodes, type Database } from '../sql/index.ts';
import { planIdleMs, planRetryMs, planSpacingMs, waitingMaxDefault } from './limits.ts';
import * as statements from './plan-statements.ts';
import type { DuePlan } from './plan-statements.ts';
import { decidePlan } from './planning.ts';
import { transact } from './transaction.ts';

export interface PlannerOptions {
  /** The core database, with the migrations of `jobMigrations`. */
  readonly database: Database;
  readonly coord: Coord;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jobs of a kind that may wait; runs beyond are skipped. 10,000 unless told. */
  readonly waitingMax?: number;
}

/**
 * Begins the runs of plans when they are due. One process leads by lease so that not all of them look; that a run
 * begins once is by its plan's row, which is locked, decided on and moved on in the transaction that makes the run.
 */
export class Planner implements AsyncDisposable {
  readonly #options: PlannerOptions;
  readonly #counters: Record<'started' | 'skipped' | 'missed' | 'engineFailures', number>;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #isLeading = false;

  constructor(options: PlannerOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#counters = metrics.counters('job_plans', ['started', 'skipped', 'missed', 'engineFailures']);
    metrics.gauge('gala_job_planner', '1 while this process plans runs', () => Number(this.#isLeading));
    this.#done = leadByLease({
      coord: options.coord,
      job: 'job/planner',
      partition: 0,
      signal: this.#stop.signal,
      lead: (_lease, signal) => this.#lead(signal),
      onError: (error) => this.#note(error),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.#isLeading = true;
    try {
      while (!signal.aborted) await sleep(await this.#try(), undefined, { signal }).catch(() => undefined);
    } finally {
      this.#isLeading = false;
    }
  }

  /** A turn; when the database is away, another one soon. */
  #try(): Promise<number> {
    return this.#turn().catch((error: unknown) => {
      if (!hasCode(error, ...outageCodes)) throw error;
      this.#note(error);
      return planRetryMs;
    });
  }

  /** Does what is due; answers how long to wait until the next turn. */
  async #turn(): Promise<number> {
    const { pool } = this.#options.database;
    const waitMs = (await statements.nextPlanInMs(pool)) ?? planIdleMs;
    if (waitMs > 0) return Math.min(Math.max(waitMs, planSpacingMs), planIdleMs);
    await transact(pool, async (client) => {
      const plans = await statements.takeDuePlans(client, this.#options.waitingMax ?? waitingMaxDefault);
      for (const plan of plans) await this.#decide(client, plan);
    });
    return planSpacingMs;
  }

  async #decide(client: Parameters<typeof statements.notePlan>[0], plan: DuePlan): Promise<void> {
    const { name, schedule, policies, nowMs, isFull } = plan;
    const open = isFull ? Infinity : plan.open;
    const state = { nextMs: plan.nextMs ?? undefined, queuedMs: plan.queuedMs ?? undefined };
    const decision = decidePlan({ schedule, policies, nowMs, open, ...state });
    for (const dueMs of decision.starts) {
      await statements.startRun(client, { name, key: runKey(name, dueMs), dueMs, askedBy: null });
    }
    await statements.notePlan(client, name, decision);
    this.#counters.started += decision.starts.length;
    this.#counters.skipped += decision.skipped;
    this.#counters.missed += decision.missed;
    const { skipped, missed } = decision;
    if (skipped + missed > 0) this.#options.logger.warn({ plan: name, skipped, missed }, 'runs left out');
  }

  #note(error: unknown): void {
    this.#counters.engineFailures++;
    this.#options.logger.warn({ error }, 'planning failed, trying again');
  }
}

function runKey(name: string, dueMs: number): string {
  return `${name} ${new Date(dueMs).toISOString()}`;
}

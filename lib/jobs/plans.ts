import { CodedError, invariant } from '../error/index.ts';
import type { Database } from '../sql/index.ts';
import { jobErrors } from './errors.ts';
import { encodeJson, jobNamePattern, misfireMsDefault } from './limits.ts';
import * as statements from './plan-statements.ts';
import type { PlanPolicies } from './planning.ts';
import { checkSchedule, nextAfter } from './schedule.ts';
import type { PlanDefinition, PlanRecord } from './types.ts';

/** The persisted plans: what is to be run when. The planner begins their runs, workers of their kind do them. */
export class Plans {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Errors: SCHEDULE_INVALID, JOB_TOO_LARGE, those of lib/sql. */
  async put(definition: PlanDefinition, by: string): Promise<void> {
    const { name, kind, schedule, payload, retries = null, timeLimitMs = null } = definition;
    invariant(jobNamePattern.test(name) && kind.length <= 64, 'name and kind of a plan are short and simple');
    checkSchedule(schedule);
    const policies = policiesOf(definition);
    const row = {
      name,
      kind,
      schedule,
      policies,
      payload: encodeJson(payload),
      retries,
      timeLimitMs,
      changedBy: by,
    };
    const nowMs = await statements.databaseNowMs(this.#database.pool);
    await statements.putPlan(this.#database.pool, row, nextAfter(schedule, nowMs - 1));
  }

  list(): Promise<PlanRecord[]> {
    return statements.readPlans(this.#database.pool);
  }

  /** Errors: PLAN_UNKNOWN. */
  async get(name: string): Promise<PlanRecord> {
    const [plan] = await statements.readPlans(this.#database.pool, name);
    if (!plan) throw new CodedError(jobErrors, 'PLAN_UNKNOWN', { detail: name });
    return plan;
  }

  /** Errors: PLAN_UNKNOWN. */
  async setPaused(name: string, isPaused: boolean, by: string): Promise<void> {
    const { schedule } = await this.get(name);
    const nowMs = await statements.databaseNowMs(this.#database.pool);
    const nextMs = nextAfter(schedule, nowMs);
    await statements.pausePlan(this.#database.pool, { name, isPaused, by, nextMs });
  }

  /** A run now, out of turn; the overlap policy holds for it too. Errors: PLAN_UNKNOWN, PLAN_BUSY. */
  async runNow(name: string, by: string): Promise<number> {
    const { open, policies } = await this.get(name);
    const openMax = policies.onOverlap === 'concurrent' ? policies.concurrencyMax : 1;
    const dueMs = await statements.databaseNowMs(this.#database.pool);
    const run = { name, key: `${name} asked for`, dueMs, askedBy: by };
    const id = open < openMax ? await statements.startRun(this.#database.pool, run) : undefined;
    if (id === undefined) throw new CodedError(jobErrors, 'PLAN_BUSY', { detail: name });
    return id;
  }
}

function policiesOf(definition: PlanDefinition): PlanPolicies {
  const {
    onOverlap = 'skip',
    concurrencyMax = 1,
    onMisfire = 'once',
    misfireMs = misfireMsDefault,
  } = definition;
  return { onOverlap, concurrencyMax, onMisfire, misfireMs };
}

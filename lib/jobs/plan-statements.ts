import type { Pool, PoolClient } from 'pg';
import type { PlanDecision, PlanPolicies } from './planning.ts';
import type { Schedule } from './schedule.ts';
import type { PlanRecord } from './types.ts';

/** All reading of clocks is the database's: processes never compare their own. */
type Connection = Pick<Pool | PoolClient, 'query'>;

const msOf = (column: string, name: string): string =>
  `extract(epoch from ${column})::float8 * 1000 as "${name}"`;
const timeOf = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`;
const isOpen = `state in ('waiting', 'running')`;
const dueAtOnceMax = 100;

const record = `name, kind, schedule, policies, payload, retries_max as retries, time_limit_ms as "timeLimitMs",
  is_paused as "isPaused", ${msOf('next_at', 'nextMs')}, ${msOf('queued_at', 'queuedMs')},
  ${msOf('last_at', 'lastMs')}, runs, skipped, missed, changed_by as "changedBy", ${msOf('changed_at', 'changedMs')},
  (select count(*)::int from job where plan = name and ${isOpen}) as open`;

export interface PlanRow {
  readonly name: string;
  readonly kind: string;
  readonly schedule: Schedule;
  readonly policies: PlanPolicies;
  /** JSON. */
  readonly payload: string;
  readonly retries: number | null;
  readonly timeLimitMs: number | null;
  readonly changedBy: string;
}

export async function databaseNowMs(connection: Connection): Promise<number> {
  const { rows } = await connection.query<{ nowMs: number }>(`select ${msOf('clock_timestamp()', 'nowMs')}`);
  return rows[0].nowMs;
}

/** Makes a plan, or changes one that is other than this; what it has counted and whether it is paused stay. */
export async function putPlan(
  connection: Connection,
  row: PlanRow,
  nextMs: number | undefined,
): Promise<boolean> {
  const text = `
    insert into job_plan as p (name, kind, schedule, policies, payload, retries_max, time_limit_ms, changed_by, next_at)
    values ($1, $2, $3::jsonb, $4::jsonb, $5::jsonb, $6, $7, $8, ${timeOf('$9')})
    on conflict (name) do update set kind = $2, schedule = $3::jsonb, policies = $4::jsonb, payload = $5::jsonb,
      retries_max = $6, time_limit_ms = $7, changed_by = $8, changed_at = clock_timestamp(),
      next_at = case when p.schedule = $3::jsonb then p.next_at else ${timeOf('$9')} end
    where (p.kind, p.schedule, p.policies, p.payload, p.retries_max, p.time_limit_ms)
      is distinct from ($2, $3::jsonb, $4::jsonb, $5::jsonb, $6::int, $7::bigint)`;
  const { name, kind, schedule, policies, payload, retries, timeLimitMs, changedBy } = row;
  const json = [JSON.stringify(schedule), JSON.stringify(policies), payload];
  const values = [name, kind, ...json, retries, timeLimitMs, changedBy, nextMs ?? null];
  const { rowCount } = await connection.query(text, values);
  return rowCount === 1;
}

export async function readPlans(connection: Connection, name?: string): Promise<PlanRecord[]> {
  const text = `select ${record} from job_plan where $1::text is null or name = $1 order by name limit 1000`;
  const { rows } = await connection.query<PlanRecord>(text, [name ?? null]);
  return rows;
}

/** What came due while it was paused is not made up for. */
export async function pausePlan(
  connection: Connection,
  change: { name: string; isPaused: boolean; by: string; nextMs: number | undefined },
): Promise<boolean> {
  const text = `update job_plan set is_paused = $2, changed_by = $3, changed_at = clock_timestamp(),
    queued_at = null, next_at = case when is_paused and not $2 then ${timeOf('$4')} else next_at end
    where name = $1`;
  const { name, isPaused, by, nextMs } = change;
  const { rowCount } = await connection.query(text, [name, isPaused, by, nextMs ?? null]);
  return rowCount === 1;
}

export interface DuePlan {
  readonly name: string;
  readonly schedule: Schedule;
  readonly policies: PlanPolicies;
  readonly nextMs: number | null;
  readonly queuedMs: number | null;
  readonly nowMs: number;
  readonly open: number;
  /** As many jobs of its kind wait as may. */
  readonly isFull: boolean;
}

/** Plans for which something may have to be done, kept from all others until the transaction ends. */
export async function takeDuePlans(connection: Connection, waitingMax: number): Promise<DuePlan[]> {
  const text = `select name, schedule, policies, ${msOf('next_at', 'nextMs')}, ${msOf('queued_at', 'queuedMs')},
      ${msOf('clock_timestamp()', 'nowMs')}, (select count(*)::int from job where plan = name and ${isOpen}) as open,
      (select count(*) >= $1 from (select 1 from job where job.kind = job_plan.kind and state = 'waiting' limit $1) few)
        as "isFull"
    from job_plan where not is_paused and (next_at <= clock_timestamp() or queued_at is not null)
    order by next_at limit ${dueAtOnceMax} for update of job_plan skip locked`;
  const { rows } = await connection.query<DuePlan>({ name: 'job_plan_due', text, values: [waitingMax] });
  return rows;
}

const startText = `
insert into job(kind, key, payload, not_before, plan, due_at, asked_by, retries_max, time_limit_ms)
select kind, $2, payload, clock_timestamp(), name, ${timeOf('$3')}, $4, retries_max, time_limit_ms
from job_plan where name = $1
on conflict (kind, key) where ${isOpen} do nothing returning id`;

/** A run of a plan; undefined when there is no such plan, or it has this run already. */
export async function startRun(
  connection: Connection,
  run: { name: string; key: string; dueMs: number; askedBy: string | null },
): Promise<number | undefined> {
  const values = [run.name, run.key, run.dueMs, run.askedBy];
  const { rows } = await connection.query<{ id: number }>({
    name: 'job_plan_start',
    text: startText,
    values,
  });
  return rows[0]?.id;
}

export async function notePlan(connection: Connection, name: string, decision: PlanDecision): Promise<void> {
  const { starts, nextMs, queuedMs, skipped, missed } = decision;
  const text = `update job_plan set next_at = ${timeOf('$2')}, queued_at = ${timeOf('$3')}, runs = runs + $4,
    skipped = skipped + $5, missed = missed + $6, last_at = coalesce(${timeOf('$7')}, last_at) where name = $1`;
  const values = [
    name,
    nextMs ?? null,
    queuedMs ?? null,
    starts.length,
    skipped,
    missed,
    starts.at(-1) ?? null,
  ];
  await connection.query({ name: 'job_plan_note', text, values });
}

/** How long until there may be something to do; undefined when no plan is ever due. */
export async function nextPlanInMs(connection: Connection): Promise<number | undefined> {
  const text = `select extract(epoch from min(case when queued_at is null then next_at else clock_timestamp() end)
    - clock_timestamp())::float8 * 1000 as ms from job_plan where not is_paused`;
  const { rows } = await connection.query<{ ms: number | null }>({ name: 'job_plan_next', text });
  return rows[0].ms ?? undefined;
}

import type { Pool } from 'pg';
import type { Coord, CoordRecord } from '../coord/index.ts';
import { CodedError } from '../error/index.ts';
import type { Database } from '../sql/index.ts';
import { jobErrors } from './errors.ts';
import { pauseTries } from './limits.ts';
import { planKey } from './sharded-job.ts';
import type { PartitionRecord, ShardedJobRecord, ShardOptions, ShardPlan } from './types.ts';

const msOf = (column: string, name: string): string =>
  `extract(epoch from ${column})::float8 * 1000 as "${name}"`;

interface ShardRow extends Omit<ShardedJobRecord, 'isPaused' | 'workers'> {
  readonly options: ShardOptions;
}

/** Sharded jobs as the database and coordination know them, whoever works on them. */
export class ShardViews {
  readonly #database: Database;
  readonly #coord: Coord;

  constructor({ database, coord }: { database: Database; coord: Coord }) {
    this.#database = database;
    this.#coord = coord;
  }

  async list(): Promise<ShardedJobRecord[]> {
    const rows = await readShards(this.#database.pool);
    return Promise.all(rows.map((row) => this.#withPlan(row)));
  }

  /** Errors: JOB_UNKNOWN. */
  async get(name: string): Promise<{ job: ShardedJobRecord; partitions: PartitionRecord[] }> {
    const [row] = await readShards(this.#database.pool, name);
    if (!row) throw new CodedError(jobErrors, 'JOB_UNKNOWN', { detail: name });
    const partitions = await readPartitions(this.#database.pool, name);
    return { job: await this.#withPlan(row), partitions };
  }

  /** Errors: JOB_UNKNOWN while nobody has worked on it, COORD_UNAVAILABLE. */
  async setPaused(name: string, isPaused: boolean): Promise<void> {
    for (let tries = 0; tries < pauseTries; tries++) {
      const plan = await this.#plan(name);
      if (!plan) throw new CodedError(jobErrors, 'JOB_UNKNOWN', { detail: name });
      if (plan.value.isPaused === isPaused) return;
      const changed = await this.#coord.cas(planKey(name), plan.version, { ...plan.value, isPaused });
      if (changed) return;
    }
    throw new CodedError(jobErrors, 'PLAN_BUSY', { detail: `the workers of ${name} change all the time` });
  }

  #plan(name: string): Promise<CoordRecord<ShardPlan> | undefined> {
    return this.#coord.get<ShardPlan>(planKey(name));
  }

  async #withPlan(row: ShardRow): Promise<ShardedJobRecord> {
    const { owners = [], isPaused = false } = (await this.#plan(row.name))?.value ?? {};
    const workers = [...Map.groupBy(owners, (owner) => owner)].map(([process, owned]) => ({
      process,
      partitions: owned.length,
    }));
    return { ...row, isPaused, workers };
  }
}

async function readShards(pool: Pool, name?: string): Promise<ShardRow[]> {
  const text = `select s.job as name, s.partitions, s.options, coalesce(sum(ticks), 0)::float8 as ticks,
      coalesce(sum(skipped), 0)::float8 as skipped, coalesce(sum(failures), 0)::float8 as failures,
      coalesce(max(late_ms), 0) as "lateMsMax", ${msOf('min(ticked_at)', 'oldestTickMs')}
    from job_shard s left join job_tick t on t.job = s.job
    where $1::text is null or s.job = $1 group by s.job order by s.job limit 1000`;
  const { rows } = await pool.query<ShardRow>(text, [name ?? null]);
  return rows;
}

async function readPartitions(pool: Pool, name: string): Promise<PartitionRecord[]> {
  const text = `select partition, owner, fence, tick, ${msOf('ticked_at', 'tickedMs')}, late_ms as "lateMs",
      duration_ms as "durationMs", ticks, skipped, failures, ${msOf('failed_at', 'failedMs')},
      error_code as "errorCode", error_message as "errorMessage"
    from job_tick where job = $1 order by partition`;
  const { rows } = await pool.query<PartitionRecord>(text, [name]);
  return rows;
}

import type { Pool, PoolClient } from 'pg';
import type { TickTimes } from './ticks.ts';

/** All reading of clocks is the database's: processes never compare their own. */
type Connection = Pick<Pool | PoolClient, 'query'>;

const nowMs = `extract(epoch from clock_timestamp())::float8 * 1000`;

export interface TickKey {
  readonly job: string;
  readonly partition: number;
}

export interface TickOpening extends TickKey {
  readonly fence: number;
  readonly times: TickTimes;
}

export interface OpenedTick extends TickKey {
  /** The last tick that was made. */
  readonly tick: number;
  readonly nowMs: number;
}

/**
 * Shuts the former workers out, whose fences are lower, and reads how far they came; a partition that never ticked
 * begins with the present. A row that a former worker has locked in its transaction is left out, since that ends
 * soon, one way or the other.
 */
const openText = `
with wanted as (
  select * from unnest($2::text[], $3::int[], $4::bigint[], $5::float8[], $6::float8[])
    w(job, partition, fence, interval_ms, phase_ms)
), made as (
  insert into job_tick(job, partition, tick, fence, owner)
  select job, partition, floor((${nowMs} - phase_ms) / interval_ms), fence, $1 from wanted
  on conflict (job, partition) do nothing returning job, partition, tick
), free as (
  select t.job, t.partition from job_tick t join wanted w on t.job = w.job and t.partition = w.partition
  order by t.job, t.partition for update of t skip locked
), opened as (
  update job_tick t set fence = w.fence, owner = $1 from wanted w, free f
  where t.job = w.job and t.partition = w.partition and f.job = t.job and f.partition = t.partition
    and t.fence <= w.fence
  returning t.job, t.partition, t.tick
)
select *, ${nowMs} as "nowMs" from (select * from made union all select * from opened) ready`;

export async function openTicks(
  connection: Connection,
  owner: string,
  openings: readonly TickOpening[],
): Promise<OpenedTick[]> {
  const { rows } = await connection.query<OpenedTick>({
    name: 'job_tick_open',
    text: openText,
    values: [
      owner,
      openings.map(({ job }) => job),
      openings.map(({ partition }) => partition),
      openings.map(({ fence }) => fence),
      openings.map(({ times }) => times.intervalMs),
      openings.map(({ times }) => times.phaseMs),
    ],
  });
  return rows;
}

export interface TickEnd extends TickKey {
  readonly tick: number;
  readonly fence: number;
  readonly lateMs: number;
  readonly durationMs: number;
  /** Of its failure, empty when there was none. */
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly skipped: number;
}

/** What is only counted need not be on the disk before it is answered. */
const endText = `
update job_tick t set tick = greatest(t.tick, e.tick), late_ms = e.late_ms, duration_ms = e.duration_ms,
  ticked_at = clock_timestamp(), ticks = ticks + 1, skipped = t.skipped + e.skipped,
  failures = failures + (e.error_code <> '')::int,
  error_code = case when e.error_code <> '' then e.error_code else t.error_code end,
  error_message = case when e.error_code <> '' then e.error_message else t.error_message end,
  failed_at = case when e.error_code <> '' then clock_timestamp() else t.failed_at end
from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::real[], $6::real[], $7::text[], $8::text[], $9::bigint[])
  e(job, partition, tick, fence, late_ms, duration_ms, error_code, error_message, skipped),
  set_config('synchronous_commit', 'off', true)
where t.job = e.job and t.partition = e.partition and t.fence = e.fence
returning t.job, t.partition, t.tick, ${nowMs} as "nowMs"`;

/** Notes ticks that have ended; those that are missing in the answer have got another worker meanwhile. */
export async function endTicks(connection: Connection, ends: readonly TickEnd[]): Promise<OpenedTick[]> {
  const { rows } = await connection.query<OpenedTick>({
    name: 'job_tick_end',
    text: endText,
    values: [
      ends.map(({ job }) => job),
      ends.map(({ partition }) => partition),
      ends.map(({ tick }) => tick),
      ends.map(({ fence }) => fence),
      ends.map(({ lateMs }) => lateMs),
      ends.map(({ durationMs }) => durationMs),
      ends.map(({ errorCode }) => errorCode),
      ends.map(({ errorMessage }) => errorMessage),
      ends.map(({ skipped }) => skipped),
    ],
  });
  return rows;
}

export interface FencedTick extends TickKey {
  readonly tick: number;
  readonly fence: number;
}

/** In the transaction of its effect: accepted once, in the order of ticks, from the newest worker only. */
export async function advanceTick(connection: Connection, fenced: FencedTick): Promise<boolean> {
  const { rowCount } = await connection.query({
    name: 'job_tick_advance',
    text: `update job_tick set tick = $3, fence = $4
      where job = $1 and partition = $2 and tick < $3 and fence <= $4`,
    values: [fenced.job, fenced.partition, fenced.tick, fenced.fence],
  });
  return rowCount === 1;
}

/** The highest fence that was seen. */
export async function fenceOfTick(connection: Connection, key: TickKey): Promise<number> {
  const text = 'select fence from job_tick where job = $1 and partition = $2';
  const { rows } = await connection.query<{ fence: number }>(text, [key.job, key.partition]);
  return rows[0]?.fence ?? 0;
}

/** Makes a sharded job known to those who show it. */
export async function putShard(
  connection: Connection,
  shard: { job: string; partitions: number; options: object },
): Promise<void> {
  const text = `insert into job_shard(job, partitions, options) values ($1, $2, $3::jsonb)
    on conflict (job) do update set partitions = $2, options = $3::jsonb, seen_at = clock_timestamp()`;
  await connection.query(text, [shard.job, shard.partitions, JSON.stringify(shard.options)]);
}

import type { Pool } from 'pg';
import { historyMsMaxDefault, trimmedAtOnceMax } from './limits.ts';
import type { Job } from './types.ts';

const unseenDaysMax = 30;
const batchesMax = 1000;

const oldRuns = `delete from job where id in (
  select id from job where state in ('done', 'failed')
    and finished_at < clock_timestamp() - $1 * interval '1 millisecond' limit ${trimmedAtOnceMax})`;

/** A job of partitions that comes back after that begins with its present. */
const oldShards = `
with gone as (
  delete from job_shard s where seen_at < clock_timestamp() - interval '${unseenDaysMax} days' and not exists (
    select 1 from job_tick t where t.job = s.job and ticked_at > clock_timestamp() - interval '${unseenDaysMax} days'
  ) returning job
), ticks as (
  delete from job_tick t using gone where t.job = gone.job
)
select job from gone`;

/**
 * Removes what no worker trims: ended runs of kinds that nothing handles any more, and partitions of jobs that nobody
 * has worked on for 30 days. Answers how many. In batches, as a job's handler.
 */
export async function forgetOld(
  pool: Pool,
  job: Pick<Job, 'signal' | 'log' | 'progress'>,
): Promise<{ runs: number; shardedJobs: number }> {
  let runs = 0;
  for (let batch = 0; batch < batchesMax; batch++) {
    job.signal.throwIfAborted();
    const { rowCount } = await pool.query(oldRuns, [historyMsMaxDefault]);
    runs += rowCount ?? 0;
    if ((rowCount ?? 0) < trimmedAtOnceMax) break;
    job.progress(batch / batchesMax, `${runs} runs`);
  }
  const { rows } = await pool.query<{ job: string }>(oldShards);
  job.log(`forgot ${runs} runs`);
  for (const { job: name } of rows) job.log(`forgot ${name}`);
  return { runs, shardedJobs: rows.length };
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { coordMigrations } from '@gala/lib/coord';
import { createLogger } from '@gala/lib/logger';
import { jobMigrations } from '@gala/lib/jobs';
import { Crew } from './shard-crew.ts';

const partitions = 64;
const workersMin = 3;
/** Longer than a lease, so that others have the partitions by then. */
const stoppedMs = 4500;
const deafMs = 6000;

export interface ChaosOptions {
  /** Ticks of all partitions that must have had their effect, while the harm goes on. */
  readonly ticksMin: number;
  readonly intervalMs: number;
  /** Between two harms. */
  readonly harmEveryMs: number;
}

export interface ChaosAnswer {
  readonly ticks: number;
  /** Ticks with two effects or more. */
  readonly duplicates: number;
  /** Ticks between the first and the last of their partition without any. */
  readonly missing: number;
  /** Effects whose fence is lower than that of an earlier tick of the partition. */
  readonly backwards: number;
  readonly kills: number;
  readonly stops: number;
  readonly blackHoles: number;
  readonly cutConnections: number;
  /** Changes of worker. */
  readonly fences: number;
  /** Commits refused because another had the partition, or the tick had been made. */
  readonly refusedLost: number;
  readonly refusedDone: number;
  readonly seconds: number;
}

/**
 * Worker processes over a real PostgreSQL whose every tick is one row, some of them failing with the effect made and
 * not committed; meanwhile workers are killed, stopped (and go on later, with ticks that others have taken), cut off
 * from coordination though not from their effects, and their sessions are ended. Every second worker never hears that a lease was lost. Missed ticks are all caught up, so each has to be there once.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosAnswer> {
  const logger = createLogger({ name: 'chaos', level: 'silent' });
  await using postgres = await startTestPostgres({ sets: [coordMigrations, jobMigrations], logger });
  const { pool } = postgres.sql.core();
  await pool.query('create table tick_effect(partition int, tick bigint, fence bigint, worker text)');
  const job = {
    job: 'chaos',
    partitions,
    intervalMs: options.intervalMs,
    onMisfire: { catchUp: 1_000_000 },
    onOverrun: { queue: 1_000_000 },
    retries: 1_000_000,
    retryMs: { initial: 10, max: 200 },
  } as const;
  await using crew = new Crew(postgres, { options: job, failures: 0.04, deafEvery: 2 });
  await Promise.all(Array.from({ length: workersMin + 1 }, () => crew.hire()));
  const beganMs = performance.now();
  const harms = new Harms(crew, postgres);
  while ((await countOf(pool)) < options.ticksMin) {
    await harms.next();
    await sleep(options.harmEveryMs);
  }
  await harms.end();
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  const [refusedLost, refusedDone] = ['JOB_LOST', 'TICK_DONE'].map((code) => crew.refusals.get(code) ?? 0);
  return { ...(await judge(pool)), ...harms.counts, refusedLost, refusedDone, seconds };
}

class Harms {
  readonly counts = { kills: 0, stops: 0, blackHoles: 0, cutConnections: 0 };
  readonly #crew: Crew;
  readonly #pool: Pool;
  /** Since when. */
  readonly #stopped = new Map<string, number>();
  #turn = 0;

  constructor(crew: Crew, postgres: TestPostgres) {
    this.#crew = crew;
    this.#pool = postgres.sql.core().pool;
  }

  /** One harm after the other, each to a worker by chance; there are always others that work. */
  async next(): Promise<void> {
    const nowMs = performance.now();
    for (const [id, sinceMs] of this.#stopped) if (nowMs - sinceMs > stoppedMs) this.#resume(id);
    const able = [...this.#crew.workers.keys()].filter((id) => !this.#stopped.has(id));
    if (able.length < workersMin) await this.#crew.hire();
    const victim = able[Math.floor(Math.random() * able.length)];
    const harms: (() => unknown)[] = [
      () => this.#kill(victim),
      () => this.#stop(victim),
      () => this.#cutConnections(victim),
      () => this.#blackHole(victim),
    ];
    await harms[this.#turn++ % harms.length]();
  }

  /** All that were stopped go on, into a job that others have gone on with, and have time to do harm. */
  async end(): Promise<void> {
    for (const id of this.#stopped.keys()) this.#resume(id);
    await sleep(2000);
    for (const id of this.#crew.workers.keys()) this.#crew.kill(id);
    await sleep(500);
  }

  #kill(id: string): void {
    this.counts.kills++;
    this.#crew.kill(id);
  }

  #stop(id: string): void {
    this.counts.stops++;
    this.#stopped.set(id, performance.now());
    this.#crew.workers.get(id)!.child.kill('SIGSTOP');
  }

  #resume(id: string): void {
    this.#stopped.delete(id);
    this.#crew.workers.get(id)?.child.kill('SIGCONT');
  }

  async #cutConnections(id: string): Promise<void> {
    const text =
      'select count(pg_terminate_backend(pid))::int from pg_stat_activity where application_name = $1';
    const { rows } = await this.#pool.query<{ count: number }>(text, [id]);
    this.counts.cutConnections += rows[0].count;
  }

  /** Its coordination hears nothing for good; it is killed a while later, after it has tried its worst. */
  #blackHole(id: string): void {
    this.counts.blackHoles++;
    this.#crew.workers.get(id)!.cut();
    setTimeout(() => this.#crew.kill(id), deafMs).unref();
  }
}

async function countOf(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('select count(*)::int from tick_effect');
  return rows[0].count;
}

async function judge(pool: Pool) {
  const text = `
    with made as (
      select partition, tick, count(*) as times, min(fence) as fence from tick_effect group by 1, 2
    ), seen as (
      select *, max(fence) over (partition by partition order by tick) > fence as is_back from made
    ), per as (
      select partition, count(*) as ticks, max(tick) - min(tick) + 1 - count(*) as missing from made group by 1
    )
    select (select sum(ticks)::int from per) as ticks, (select sum(missing)::int from per) as missing,
      (select count(*)::int from made where times > 1) as duplicates,
      (select count(*)::int from seen where is_back) as backwards,
      (select count(distinct (partition, fence))::int from tick_effect) as fences`;
  const { rows } =
    await pool.query<Record<'ticks' | 'missing' | 'duplicates' | 'backwards' | 'fences', number>>(text);
  return rows[0];
}

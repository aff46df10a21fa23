import { codeOf } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Histogram, Metrics } from '../metrics/index.ts';

const counterNames = [
  'done',
  'failed',
  'retried',
  'skipped',
  'missed',
  'taken',
  'plans',
  'planConflicts',
  'engineFailures',
] as const;

/** What happens to the sharded jobs of a process: counters, and a line where an operator may have to act. */
export class ShardEvents {
  /** How late ticks begin, in seconds. */
  readonly lateness: Histogram;
  readonly #logger: Logger;
  readonly #counters: Record<(typeof counterNames)[number], number>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#counters = metrics.counters('job_ticks', counterNames);
    this.lateness = metrics.histogram(
      'gala_job_tick_lateness_seconds',
      'how late ticks of sharded jobs begin',
    );
  }

  tickDone(): void {
    this.#counters.done++;
  }

  ticksSkipped(count: number): void {
    this.#counters.skipped += count;
  }

  tickFailed(of: {
    job: string;
    partition: number;
    tick: number;
    attempt: number;
    isLast: boolean;
    /** The tick before it did not fail. */
    isFirst: boolean;
    error: unknown;
  }): void {
    this.#counters[of.isLast ? 'failed' : 'retried']++;
    if (!of.isLast || !of.isFirst) return;
    const { job, partition, tick, attempt, error } = of;
    this.#logger.warn({ job, partition, tick, attempt, error, code: codeOf(error) }, 'tick failed');
  }

  partitionTaken(of: { job: string; partition: number; fence: number; tick: number; missed: number }): void {
    this.#counters.taken++;
    this.#counters.missed += of.missed;
    this.#logger.debug(of, 'partition taken');
  }

  partitionFailed(job: string, partition: number, error: unknown): void {
    this.#counters.engineFailures++;
    this.#logger.warn({ job, partition, error }, 'partition lost, trying again');
  }

  planned(job: string, moved: number, workers: number): void {
    this.#counters.plans++;
    this.#logger.info({ job, moved, workers }, 'partitions planned');
  }

  planConflict(): void {
    this.#counters.planConflicts++;
  }

  engineFailed(error: unknown): void {
    this.#counters.engineFailures++;
    this.#logger.warn({ error }, 'job engine failed');
  }
}

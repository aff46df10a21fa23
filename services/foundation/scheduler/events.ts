import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

interface Change {
  /** Who asked. */
  readonly by: string;
  readonly reason: string;
}

/** What operators do with jobs: one line each, which says who and why, and a counter. */
export class SchedulerEvents {
  readonly #logger: Logger;
  readonly #counters: Record<'runsAsked' | 'runsCancelled' | 'plansPaused' | 'plansResumed', number>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#counters = metrics.counters('scheduler', [
      'runsAsked',
      'runsCancelled',
      'plansPaused',
      'plansResumed',
    ]);
  }

  runAsked(of: Change & { plan: string; runId: number }): void {
    this.#counters.runsAsked++;
    this.#logger.info(of, 'run asked for');
  }

  runCancelled(of: Change & { runId: number; cancelled: boolean }): void {
    this.#counters.runsCancelled++;
    this.#logger.info(of, 'run cancelled by request');
  }

  planPaused(of: Change & { plan: string; paused: boolean }): void {
    this.#notePause(of.paused);
    this.#logger.info(of, of.paused ? 'plan paused' : 'plan resumed');
  }

  shardedJobPaused(of: Change & { job: string; paused: boolean }): void {
    this.#notePause(of.paused);
    this.#logger.info(of, of.paused ? 'sharded job paused' : 'sharded job resumed');
  }

  #notePause(paused: boolean): void {
    this.#counters[paused ? 'plansPaused' : 'plansResumed']++;
  }
}

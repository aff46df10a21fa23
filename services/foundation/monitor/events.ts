import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

/** What happens while this process is watched: a line once an outage, and counters. */
export class MonitorEvents {
  readonly counters: Record<'spansSent' | 'spansDropped' | 'sendFailures', number>;
  readonly #logger: Logger;
  #fails = false;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = metrics.counters('otlp', ['spansSent', 'spansDropped', 'sendFailures']);
  }

  exported(count: number): void {
    this.counters.spansSent += count;
    if (this.#fails) this.#logger.info('spans are taken by the collector again');
    this.#fails = false;
  }

  exportFailed(error: unknown): void {
    this.counters.sendFailures++;
    if (!this.#fails) this.#logger.warn({ error }, 'spans could not be sent to the collector, trying again');
    this.#fails = true;
  }

  exportRefused(count: number, status: number): void {
    this.counters.sendFailures++;
    this.counters.spansDropped += count;
    if (!this.#fails) this.#logger.warn({ status }, 'the collector refuses spans');
    this.#fails = true;
  }
}

import type { CodedError } from '@gala/lib/error';
import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const counters = (metrics: Metrics) =>
  metrics.counters('covers', ['made', 'failed', 'dropped', 'ended', 'evicted', 'served', 'refused']);

/** The business events of covers. */
export class CoverEvents {
  readonly counters: ReturnType<typeof counters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = counters(metrics);
  }

  childEnded({ code, detail }: CodedError): void {
    this.#logger.warn({ code, detail }, 'the process that makes covers ended, starting another');
  }

  /** Told once: this process makes none. */
  unavailable({ detail }: CodedError): void {
    this.#logger.warn({ detail }, 'no covers: the codecs are missing');
  }

  refused(code: string): void {
    this.counters.refused++;
    this.#logger.debug({ code }, 'cover refused');
  }
}

import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const counters = (metrics: Metrics) =>
  metrics.counters('pull', ['began', 'failed', 'lost', 'ended', 'refused', 'earlyDropped']);

/** The business events of pulled sources. Of a URL only its host is said: the rest may be a key. */
export class PullEvents {
  readonly counters: ReturnType<typeof counters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = counters(metrics);
  }

  began(hostId: number, address: string, roomId: number): void {
    this.counters.began++;
    this.#logger.info({ hostId, address, roomId }, 'pulling a source');
  }

  failed(hostId: number, address: string, code: string): void {
    this.counters.failed++;
    this.#logger.warn({ hostId, address, code }, 'a source cannot be pulled');
  }

  lost(hostId: number, address: string, code: string): void {
    this.counters.lost++;
    this.#logger.warn({ hostId, address, code }, 'a source was lost, trying again');
  }

  ended(hostId: number, reason: string): void {
    this.counters.ended++;
    this.#logger.info({ hostId, reason }, 'source let go');
  }

  /** The process pulls as many as it may. */
  refused(hostId: number): void {
    this.counters.refused++;
    this.#logger.warn({ hostId }, 'source not pulled: too many in this process');
  }
}

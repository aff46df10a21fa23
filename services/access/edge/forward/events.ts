import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

/** What a line may say of a target: its URL may hold a key. */
export interface ShownTarget {
  readonly roomId: number;
  /** Place in the host's list, from 0. */
  readonly index: number;
  /** Host name and port. */
  readonly address: string;
}

const counters = (metrics: Metrics) =>
  metrics.counters('forward', ['connected', 'lost', 'failed', 'framesLeftOut', 'refused']);

/** The business events of forwards. */
export class ForwardEvents {
  readonly counters: ReturnType<typeof counters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = counters(metrics);
  }

  connected(target: ShownTarget): void {
    this.counters.connected++;
    this.#logger.info({ ...target }, 'forward connected');
  }

  lost(target: ShownTarget): void {
    this.counters.lost++;
    this.#logger.warn({ ...target }, 'forward lost, trying again');
  }

  /** Told once for a series of failures; all are counted. */
  failed(target: ShownTarget, code: string, isFirst: boolean): void {
    this.counters.failed++;
    if (isFirst) this.#logger.warn({ ...target, code }, 'forward failed, trying again');
  }

  /** The process has as many forwards as it may have. */
  refused(roomId: number, index: number): void {
    this.counters.refused++;
    this.#logger.warn({ roomId, index }, 'forward not made: too many in this process');
  }

  ended(target: ShownTarget): void {
    this.#logger.info({ ...target }, 'forward ended');
  }
}

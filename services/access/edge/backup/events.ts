import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const counters = (metrics: Metrics) =>
  metrics.counters('backup', ['accepted', 'refused', 'putOnAir', 'stoodBack', 'left', 'silentReplaced']);

/** The business events of backup publishers. */
export class BackupEvents {
  readonly counters: ReturnType<typeof counters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.counters = counters(metrics);
    this.#logger = logger;
  }

  accepted(hostName: string, remoteAddress: string): void {
    this.counters.accepted++;
    this.#logger.info({ hostName, remoteAddress }, 'backup publisher stands by');
  }

  refused(code: string, remoteAddress: string): void {
    this.counters.refused++;
    this.#logger.info({ code, remoteAddress }, 'backup publisher refused');
  }

  putOnAir(roomId: number, remoteAddress: string): void {
    this.counters.putOnAir++;
    this.#logger.warn({ roomId, remoteAddress }, 'publisher gone, its backup is on air');
  }

  stoodBack(roomId: number): void {
    this.counters.stoodBack++;
    this.#logger.info({ roomId }, 'publisher is back, its backup stands by again');
  }

  left(hostName: string, reason: string): void {
    this.counters.left++;
    this.#logger.info({ hostName, reason }, 'backup publisher left');
  }

  silentReplaced(roomId: number): void {
    this.counters.silentReplaced++;
    this.#logger.warn({ roomId }, 'publisher silent, replaced by its backup');
  }
}

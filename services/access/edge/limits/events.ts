import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const limitCounters = (metrics: Metrics) =>
  metrics.counters('limits', [
    'publishAddressesDenied',
    'playAddressesDenied',
    'publishTriesRefused',
    'publishersRefused',
    'streamsFull',
    'bitrateExceeded',
  ]);

/** One function per limit that was reached. */
export class LimitEvents {
  readonly counters: ReturnType<typeof limitCounters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = limitCounters(metrics);
  }

  addressDenied(what: 'publish' | 'play', address: string): void {
    if (what === 'publish') this.counters.publishAddressesDenied++;
    else this.counters.playAddressesDenied++;
    this.#logger.debug({ what, address }, 'address denied');
  }

  triesRefused(address: string): void {
    this.counters.publishTriesRefused++;
    this.#logger.debug({ address }, 'too many publish attempts of an address');
  }

  publisherRefused(address: string): void {
    this.counters.publishersRefused++;
    this.#logger.warn({ address }, 'too many publishers');
  }

  streamFull(): void {
    this.counters.streamsFull++;
  }

  bitrateExceeded(roomId: number, bitsPerSecond: number): void {
    this.counters.bitrateExceeded++;
    this.#logger.warn({ roomId, bitsPerSecond }, 'publisher over its bit rate, closed');
  }
}

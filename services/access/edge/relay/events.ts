import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const relayCounters = (metrics: Metrics) =>
  metrics.counters('edge_relay', [
    'pulls',
    'pullsFailed',
    'reconnects',
    'adopted',
    'takenOver',
    'released',
    'refused',
    'bytesIn',
    'bytesOut',
    'feeds',
    'feedsRefused',
    'feedsOverflown',
    'ownersWritten',
    'ownersFailed',
  ]);

/** What happens between edges: a structured line and a counter each. */
export class RelayEvents {
  readonly counters: ReturnType<typeof relayCounters>;
  readonly #logger: Logger;
  #ownersFail = false;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = relayCounters(metrics);
  }

  pullBegun(roomId: number, edgeId: string, isReconnect: boolean): void {
    this.counters.pulls++;
    if (isReconnect) this.counters.reconnects++;
    this.#logger.info({ roomId, edgeId, isReconnect }, 'relay pulls a stream of another edge');
  }

  pullFailed(roomId: number, edgeId: string, error: unknown): void {
    this.counters.pullsFailed++;
    this.#logger.info({ roomId, edgeId, error }, 'relay lost its owner or was refused, trying again');
  }

  adopted(roomId: number, epoch: number): void {
    this.counters.adopted++;
    this.#logger.info({ roomId, epoch }, 'stream goes on at another edge, relaying it from now on');
  }

  takenOver(roomId: number, epoch: number): void {
    this.counters.takenOver++;
    this.#logger.info({ roomId, epoch }, 'publisher of a relayed stream is here now');
  }

  released(roomId: number, reason: string): void {
    this.counters.released++;
    this.#logger.info({ roomId, reason }, 'relay released');
  }

  /** No room for one more. */
  refused(roomId: number): void {
    this.counters.refused++;
    this.#logger.warn({ roomId }, 'relay refused, there are too many');
  }

  feedBegun(roomId: number, remoteAddress: string): void {
    this.counters.feeds++;
    this.#logger.info({ roomId, remoteAddress }, 'another edge relays a stream');
  }

  feedRefused(code: string): void {
    this.counters.feedsRefused++;
    this.#logger.info({ code }, 'another edge was refused a stream');
  }

  feedOverflown(roomId: number): void {
    this.counters.feedsOverflown++;
    this.#logger.warn({ roomId }, 'another edge takes a stream too slowly, closed');
  }

  /** Told once when the owner records begin to fail. */
  ownersFailed(error: unknown): void {
    this.counters.ownersFailed++;
    if (!this.#ownersFail) this.#logger.warn({ error }, 'the owners of streams cannot be written');
    this.#ownersFail = true;
  }

  ownerWritten(): void {
    this.counters.ownersWritten++;
    if (this.#ownersFail) this.#logger.info('the owners of streams are written again');
    this.#ownersFail = false;
  }
}

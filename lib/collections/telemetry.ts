import type { Logger } from '../logger/index.ts';
import type { Histogram, Metrics } from '../metrics/index.ts';
import type { LargeKey } from './types.ts';

const names = [
  'commands',
  'retries',
  'reconnects',
  'ejections',
  'trims',
  'trimmedElements',
  'sizeLooks',
  'sizeLooksFailed',
  'evictions',
  'expirations',
  'busPublished',
  'busPublishFailures',
  'busDelivered',
  'busGaps',
  'busListenerFaults',
] as const;

export type CollectionsCounters = Record<(typeof names)[number], number>;

/** What a scrape reads of the engine in use. */
export interface TelemetrySource {
  readonly isUp: () => boolean;
  readonly largestKeys: () => readonly LargeKey[];
}

/** The metrics `gala_collections_*` of a process, and its lines of log. */
export class Telemetry {
  readonly counters: CollectionsCounters;
  readonly seconds: Histogram;
  readonly #failures = new Map<string, number>();
  readonly #logger: Logger;
  readonly #metrics: Metrics;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.counters = metrics.counters('collections', names);
    this.seconds = metrics.histogram('gala_collections_command_seconds', 'commands of shared data');
    metrics.labelledCounters({
      name: 'gala_collections_failures_total',
      help: 'failed commands of shared data by code',
      labelNames: ['code'],
      read: () => [...this.#failures].map(([code, value]) => ({ labels: { code }, value })),
    });
  }

  watch(source: TelemetrySource): void {
    const { isUp, largestKeys } = source;
    this.#metrics.gauge('gala_collections_up', '1 while shared data answers', () => Number(isUp()));
    this.#metrics.gauges({
      name: 'gala_collections_largest_key_size',
      help: 'the largest keys seen: elements, of values bytes',
      labelNames: ['key', 'kind'],
      read: () => largestKeys().map(({ key, kind, size }) => ({ labels: { key, kind }, value: size })),
    });
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#metrics.gauge(`gala_collections_${name}`, help, read);
  }

  /** By code; the codes are few. */
  failed(code: string): void {
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
  }

  failuresOf(code: string): number {
    return this.#failures.get(code) ?? 0;
  }

  connected(address: string): void {
    this.#logger.info({ address }, 'shared data answers');
  }

  lost(address: string, reason: string): void {
    this.#logger.warn({ address, reason }, 'shared data does not answer');
  }

  gap(epoch: number, reason: string): void {
    this.counters.busGaps++;
    this.#logger.warn({ epoch, reason }, 'messages between processes may have been missed');
  }

  flowing(epoch: number): void {
    this.#logger.info({ epoch }, 'messages between processes flow');
  }

  listenerFailed(error: unknown, channel: string): void {
    this.counters.busListenerFaults++;
    this.#logger.error({ error, channel }, 'a listener of the bus failed');
  }

  trimmed(key: string, elements: number): void {
    this.counters.trims++;
    this.counters.trimmedElements += elements;
    this.#logger.warn({ key, elements }, 'a key of shared data was too large, trimmed');
  }
}

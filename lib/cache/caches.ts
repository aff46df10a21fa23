import type { Clock } from '../clock/index.ts';
import type { Collections } from '../collections/index.ts';
import { invariant } from '../error/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { cacheSection, type CacheConfig } from './config.ts';
import { collectionLeases } from './fill-leases.ts';
import { exchangeCounterNames, HotKeyExchange } from './hot-key-exchange.ts';
import type { HotKey } from './hot-keys.ts';
import { jsonCodec } from './shared-level.ts';
import {
  TieredCache,
  tieredCacheCounterNames,
  type CacheBounds,
  type CacheOptions,
  type TieredCacheParts,
} from './tiered-cache.ts';
import type { ValueStore } from './types.ts';
import { WriterBeats, writerCounterNames } from './writer-beats.ts';

export interface CachesOptions {
  /** With all defaults unless told. */
  readonly config?: CacheConfig;
  readonly processId: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The level that processes share; undefined: none. It stays the caller's to close. */
  readonly store?: ValueStore;
  /** What processes share: messages, and who fills. Undefined where each process is alone with its shared data. */
  readonly collections?: Collections;
}

export interface HotKeyOfCache extends HotKey {
  readonly cache: string;
}

const namePattern = /^[a-z][a-z0-9-]{0,39}$/;
const cachesMax = 64;

/** Of the process, whatever its caches. */
const messageCounterNames = [...exchangeCounterNames, ...writerCounterNames] as const;
type MessageCounters = Record<(typeof messageCounterNames)[number], number>;

/** The caches of a process: they share the levels, the bus and the watch for hot keys. */
export class Caches implements AsyncDisposable {
  readonly #options: CachesOptions;
  readonly #open = new Map<string, TieredCache<unknown>>();
  readonly #exchange: HotKeyExchange;
  readonly #counters: MessageCounters = zeroOf(messageCounterNames);
  readonly #bounds: CacheBounds;
  readonly #shared: TieredCacheParts<unknown>['shared'];

  constructor(options: CachesOptions) {
    const { processId, collections } = options;
    this.#options = options;
    this.#bounds = boundsOf(options.config ?? cacheSection.schema.parse({}));
    this.#exchange = new HotKeyExchange({ processId, bus: collections?.bus, counters: this.#counters });
    this.#shared = collections && {
      bus: collections.bus,
      leases: collectionLeases(collections),
      writers: new WriterBeats({
        bus: collections.bus,
        processId,
        clock: options.clock,
        counters: this.#counters,
        isSettled: () => [...this.#open.values()].every((cache) => !cache.isUnsettled),
      }),
    };
  }

  /**
   * A cache for as long as the process runs. It is there at once; until the bus answers it lives by its short TTL.
   * `name` is the same in all processes that share it, and no other cache of this process has it.
   */
  open<Value>(options: CacheOptions<Value>): TieredCache<Value> {
    const { name, codec = jsonCodec<Value>() } = options;
    invariant(namePattern.test(name), `${name} names a cache`);
    invariant(!this.#open.has(name) && this.#open.size < cachesMax, `${name} is opened once`);
    // A process without caches shows no metrics of them.
    if (this.#open.size === 0) showMetrics(this.#options.metrics, this.#open, this.#counters);
    const bounds = { ...this.#bounds, ...options.bounds };
    const { clock, processId, store } = this.#options;
    const cache = new TieredCache<Value>({
      clock,
      processId,
      store,
      shared: this.#shared,
      counters: zeroOf(tieredCacheCounterNames),
      options: { ...options, codec, bounds },
      onActivity: () => this.#exchange.wake(),
    });
    this.#exchange.add(name, cache.hot);
    this.#open.set(name, cache as TieredCache<unknown>);
    return cache;
  }

  /** Of all caches, most read first. */
  hotKeys(): HotKeyOfCache[] {
    return [...this.#open.values()]
      .flatMap((cache) => cache.hotKeys().map((hot) => ({ cache: cache.name, ...hot })))
      .sort((a, b) => b.readsPerSecond - a.readsPerSecond);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exchange[Symbol.asyncDispose]();
    await this.#shared?.writers[Symbol.asyncDispose]();
    await Promise.all([...this.#open.values()].map((cache) => cache[Symbol.asyncDispose]()));
  }
}

function zeroOf<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

function boundsOf(config: CacheConfig): CacheBounds {
  const { entriesMax, bytesMax, ttlMs, unheardTtlMs, staleMsMax } = config;
  const { negativeEntriesMax, negativeTtlMs, sharedTtlMs } = config;
  return {
    entriesMax,
    bytesMax,
    ttlMs,
    unheardTtlMs,
    staleMsMax,
    negativeEntriesMax,
    negativeTtlMs,
    sharedTtlMs,
    revalidateMsMax: 2 * config.ttlMs,
    jitterShare: 0.1,
    leaseMs: 3000,
    hot: {
      readsPerSecond: config.hotReadsPerSecond,
      pin: config.hotPin,
      copies: config.hotCopies,
      loadsPerSecondMax: config.hotLoadsPerSecondMax,
    },
  };
}

function showMetrics(
  metrics: Metrics,
  caches: ReadonlyMap<string, TieredCache<unknown>>,
  messages: MessageCounters,
): void {
  showCounters(metrics, caches);
  showGauges(metrics, caches);
  for (const name of messageCounterNames) {
    const words = wordsOf(name);
    metrics.labelledCounters({
      name: `gala_cache_${words}_total`,
      help: `caches of the process: ${words.replaceAll('_', ' ')}`,
      labelNames: [],
      read: () => [{ labels: {}, value: messages[name] }],
    });
  }
}

function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** One series per counter and cache; `loads` is what missed its process, `sourceReads` what missed all levels. */
function showCounters(metrics: Metrics, caches: ReadonlyMap<string, TieredCache<unknown>>): void {
  for (const name of tieredCacheCounterNames) {
    const words = wordsOf(name);
    metrics.labelledCounters({
      name: `gala_cache_${words}_total`,
      help: `caches: ${words.replaceAll('_', ' ')}`,
      labelNames: ['cache'],
      read: () => [...caches].map(([cache, { counters }]) => ({ labels: { cache }, value: counters[name] })),
    });
  }
}

function showGauges(metrics: Metrics, caches: ReadonlyMap<string, TieredCache<unknown>>): void {
  const gauges: Record<string, (cache: TieredCache<unknown>) => number> = {
    entries: (cache) => cache.size,
    bytes: (cache) => cache.bytes,
    hot_keys: (cache) => cache.hotKeys().length,
    heard: (cache) => (cache.isHeard ? 1 : 0),
  };
  for (const [name, read] of Object.entries(gauges)) {
    metrics.gauges({
      name: `gala_cache_${name}`,
      help: `caches: ${name.replaceAll('_', ' ')}`,
      labelNames: ['cache'],
      read: () => [...caches].map(([cache, each]) => ({ labels: { cache }, value: read(each) })),
    });
  }
}

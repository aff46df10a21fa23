import type { Clock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';

export const cacheErrors = {
  CACHE_BUSY: { http: 503, grpc: 14, message: 'too many loads are under way' },
} as const;

export const loadingCacheCounterNames = [
  'hits',
  'loads',
  'joined',
  'loadFailures',
  'staleAnswers',
  'evictions',
  'refusals',
] as const;
export type LoadingCacheCounters = Record<(typeof loadingCacheCounterNames)[number], number>;

export interface LoadingCacheOptions<Value> {
  readonly clock: Clock;
  /** Entries kept; the one read least recently goes first (`evictions`). */
  readonly entriesMax: number;
  readonly ttlMs: number;
  /** Loads under way at once; one more is CACHE_BUSY (`refusals`). */
  readonly loadsMax?: number;
  /** While loads fail, older values are answered up to this age; 0: never. */
  readonly staleMsMax?: number;
  /** How long a reader that could have an older value waits for a newer one. */
  readonly staleWaitMs?: number;
  /** After a failed load, how long older values are answered without trying again. */
  readonly retryMs?: number;
  /** False for values that must be loaded again by the next reader, such as "not found". */
  readonly isKept?: (value: Value) => boolean;
  readonly counters?: LoadingCacheCounters;
}

interface Entry<Value> {
  readonly value: Value;
  readonly loadedAtMs: number;
}

/**
 * Values of one source kept for a moment: bounded, each key loaded once however many ask (single
 * flight), older values answered while the source is down. A load that throws is an outage; what is
 * not there is a value (`undefined`).
 */
export class LoadingCache<Key, Value> {
  readonly #options: LoadingCacheOptions<Value>;
  readonly #entries = new Map<Key, Entry<Value>>();
  readonly #loads = new Map<Key, Promise<Value>>();
  readonly #counters: LoadingCacheCounters;
  #failedAtMs = -Infinity;

  constructor(options: LoadingCacheOptions<Value>) {
    this.#options = options;
    this.#counters = options.counters ?? zeroCounters();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value of `key`, at most `ttlMs` old while the source answers. */
  async get(key: Key, load: () => Promise<Value>): Promise<Value> {
    const entry = this.#entries.get(key);
    const ageMs = entry ? this.#options.clock.monotonicMs() - entry.loadedAtMs : Infinity;
    if (entry && ageMs < this.#options.ttlMs) return this.#hit(key, entry);
    const loading = this.#load(key, load);
    if (entry && ageMs < (this.#options.staleMsMax ?? 0)) return this.#freshOrStale(loading, entry);
    return loading;
  }

  delete(key: Key): void {
    this.#entries.delete(key);
    this.#loads.delete(key);
  }

  /** Drops every value that matches; walks all entries, so it is for rare changes. */
  deleteWhere(matches: (value: Value, key: Key) => boolean): void {
    this.#loads.clear();
    for (const [key, entry] of this.#entries) if (matches(entry.value, key)) this.#entries.delete(key);
  }

  #hit(key: Key, entry: Entry<Value>): Value {
    this.#counters.hits++;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  #load(key: Key, load: () => Promise<Value>): Promise<Value> {
    const underWay = this.#loads.get(key);
    if (underWay) {
      this.#counters.joined++;
      return underWay;
    }
    if (this.#loads.size >= (this.#options.loadsMax ?? 1024)) {
      this.#counters.refusals++;
      return Promise.reject(new CodedError(cacheErrors, 'CACHE_BUSY'));
    }
    this.#counters.loads++;
    const loading: Promise<Value> = this.#measured(load).then(({ value, loadedAtMs }) => {
      // A deletion takes the load off the list: what was read before it must not be kept after it.
      const isKept = this.#options.isKept?.(value) ?? true;
      if (isKept && this.#loads.get(key) === loading) this.#keep(key, { value, loadedAtMs });
      return value;
    });
    this.#loads.set(key, loading);
    return loading.finally(() => {
      if (this.#loads.get(key) === loading) this.#loads.delete(key);
    });
  }

  async #measured(load: () => Promise<Value>): Promise<Entry<Value>> {
    const loadedAtMs = this.#options.clock.monotonicMs();
    try {
      return { value: await load(), loadedAtMs };
    } catch (error) {
      this.#counters.loadFailures++;
      this.#failedAtMs = this.#options.clock.monotonicMs();
      throw error;
    }
  }

  #keep(key: Key, entry: Entry<Value>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#options.entriesMax) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest);
    this.#counters.evictions++;
  }

  /** A reader who could have an older value never waits out the source's time limit. */
  async #freshOrStale(loading: Promise<Value>, entry: Entry<Value>): Promise<Value> {
    const sinceFailureMs = this.#options.clock.monotonicMs() - this.#failedAtMs;
    const isDown = sinceFailureMs < (this.#options.retryMs ?? 1000);
    const waitMs = isDown ? 0 : (this.#options.staleWaitMs ?? 250);
    const fresh = await firstWithin(loading, waitMs);
    if (fresh) return fresh.value;
    this.#counters.staleAnswers++;
    return entry.value;
  }
}

function zeroCounters(): LoadingCacheCounters {
  return Object.fromEntries(loadingCacheCounterNames.map((name) => [name, 0])) as LoadingCacheCounters;
}

/** The value if it comes within `waitMs`; undefined when it is late or fails. */
async function firstWithin<Value>(
  loading: Promise<Value>,
  waitMs: number,
): Promise<{ value: Value } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), waitMs);
  });
  const settled = loading.then(
    (value) => ({ value }),
    () => undefined,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '../collections/index.ts';
import type { Clock } from '../clock/index.ts';
import { CodedError, invariant } from '../error/index.ts';
import { CatchUp, catchUpCounterNames } from './catch-up.ts';
import { cacheErrors } from './errors.ts';
import type { FillLeases } from './fill-leases.ts';
import { HotKeys, hotKeyCounterNames, type HotKey, type HotKeyPolicy } from './hot-keys.ts';
import { feedCounterNames, InvalidationFeed } from './invalidation-feed.ts';
import { KeyBatch } from './key-batch.ts';
import { assertKeys, assertVersion, keysMax } from './limits.ts';
import {
  LoadingCache,
  loadingCacheCounterNames,
  type Loaded,
  type LoadingCacheOptions,
} from './loading-cache.ts';
import { SharedLevel, sharedCounterNames, type Codec } from './shared-level.ts';
import type { ValueStore } from './types.ts';
import type { WriterBeats } from './writer-beats.ts';

export const tieredCacheCounterNames = [
  ...loadingCacheCounterNames,
  ...sharedCounterNames,
  ...feedCounterNames,
  ...hotKeyCounterNames,
  ...catchUpCounterNames,
  'sourceReads',
  'sourceFailures',
  'leaseWaits',
  'leaseTimeouts',
  'warmed',
] as const;
export type TieredCacheCounters = Record<(typeof tieredCacheCounterNames)[number], number>;

/**
 * What the source says of one key: its value (undefined: there is none) and the version of that answer, or why it
 * could not say. The version grows with each change, also with a deletion; 0 is older than all.
 */
export type Sourced<Value> = Loaded<Value | undefined> | Error;

/** What the owner of a cache decides about it. */
export interface CacheBounds {
  /** Entries of this process, and bytes of them where `sizeOf` is given. */
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** In this process, while changes of other processes are heard of. */
  readonly ttlMs: number;
  /** While they are not, and where processes share no bus. */
  readonly unheardTtlMs: number;
  /** Above the TTL and below this age: answered at once, and refreshed behind the answer. */
  readonly revalidateMsMax: number;
  /** While the source fails: answered up to this age. */
  readonly staleMsMax: number;
  /** Answers "not there", in this process. */
  readonly negativeEntriesMax: number;
  readonly negativeTtlMs: number;
  /** In the level that processes share. */
  readonly sharedTtlMs: number;
  readonly jitterShare: number;
  /** How long one process reads the source for all; others wait half of it at most, then read it as well. */
  readonly leaseMs: number;
  readonly hot: HotKeyPolicy;
}

export interface CacheOptions<Value> {
  /** Small letters, digits, dashes; part of keys and metrics. The same in all processes that share it. */
  readonly name: string;
  /**
   * Reads the source, at most 512 keys at once, in the order of the keys. What it throws or rejects with is an
   * outage of all of them; an `Error` in place of an answer is one of that key.
   */
  load(keys: readonly string[]): Promise<readonly Sourced<Value>[]>;
  /** JSON unless told. */
  readonly codec?: Codec<Value>;
  readonly sizeOf?: (value: Value) => number;
  readonly bounds?: Partial<CacheBounds>;
}

export interface TieredCacheParts<Value> {
  readonly options: CacheOptions<Value> & { readonly codec: Codec<Value>; readonly bounds: CacheBounds };
  readonly clock: Clock;
  readonly processId: string;
  /** Without one there is no level between the process and the source. */
  readonly store: ValueStore | undefined;
  /** Without it changes of other processes are not heard of. */
  readonly shared:
    | { readonly bus: Bus; readonly writers: WriterBeats; readonly leases: FillLeases }
    | undefined;
  readonly counters: TieredCacheCounters;
  readonly onActivity: () => void;
}

/** Loads under way at once in one process; one more is CACHE_BUSY. */
const loadsMax = 8192;
/** Waiting for another process's fill: the shared level is asked again after so long, and then later and later. */
const pollMsMin = 2;
const pollMsMax = 40;

/**
 * Values of a source in levels: this process (LoadingCache), a store that processes share, the source. However many
 * miss a key in however many processes, the source is read once. After `invalidate` no process answers what is older
 * than told, once it has heard of it; a process that may have missed such a message loads again before it answers.
 * Errors of reads: what `load` fails with, CACHE_BUSY.
 */
export class TieredCache<Value> implements AsyncDisposable {
  readonly name: string;
  readonly counters: TieredCacheCounters;
  readonly hot: HotKeys;
  readonly #parts: TieredCacheParts<Value>;
  readonly #own: LoadingCache<string, Value | undefined>;
  readonly #shared: SharedLevel<Value> | undefined;
  readonly #source: KeyBatch<Sourced<Value>>;
  readonly #feed: InvalidationFeed | undefined;
  readonly #catchUp: CatchUp;
  #epoch = -1;
  #isHeard = false;

  constructor(parts: TieredCacheParts<Value>) {
    const { options, counters, clock, shared } = parts;
    this.#parts = parts;
    this.name = options.name;
    this.counters = counters;
    this.hot = new HotKeys({
      clock,
      counters,
      policy: options.bounds.hot,
      onActivity: parts.onActivity,
      onHot: (key) => void (options.bounds.hot.pin && this.#own.pin(key)),
      onCool: (key) => this.#own.unpin(key),
    });
    this.#own = new LoadingCache(ownOptions(parts), (key, reads) => this.hot.count(key, reads));
    if (shared) this.#own.limitAge(options.bounds.unheardTtlMs);
    this.#shared = this.#sharedLevel();
    this.#source = new KeyBatch({ ask: (keys) => this.#load(keys), keysMax });
    this.#feed = shared && this.#openFeed(shared);
    this.#catchUp = new CatchUp({
      counters,
      isHeard: (key, version) => this.#own.versionMin(key) >= version,
      invalidate: (key, version) => this.invalidate(key, version),
    });
  }

  /** Entries of this process. */
  get size(): number {
    return this.#own.size;
  }

  get bytes(): number {
    return this.#own.bytes;
  }

  /** True while changes of other processes are heard of. */
  get isHeard(): boolean {
    return this.#feed?.isFlowing ?? false;
  }

  /** True while other processes have not been told of all changes of this one. */
  get isUnsettled(): boolean {
    return this.#feed?.isUnsettled ?? false;
  }

  /** Undefined: the source has none. A hit allocates nothing. */
  get(key: string): Promise<Value | undefined> {
    this.#heed();
    return this.#own.fresh(key) ?? this.#miss(key);
  }

  /** In the order of the keys, at most 512: one read of each level below. */
  getMany(keys: readonly string[]): Promise<(Value | undefined)[]> {
    assertKeys(keys);
    return Promise.all(keys.map((key) => this.get(key)));
  }

  /** What this process has and may answer without waiting. */
  peek(key: string): Value | undefined {
    this.#heed();
    return this.#own.peek(key);
  }

  /**
   * Tells all levels and processes that `key` changed, after the commit, with the version that is valid now. Never
   * fails: what a level cannot take now it is told later, or it forgets.
   */
  async invalidate(key: string, version: number): Promise<void> {
    this.#own.deleteOlder(key, version);
    await this.#shared?.invalidate(key, version);
    // Who reads the source for all began before the change: nobody waits for that any more.
    this.#parts.shared?.leases.give(`${this.name}:${key}`);
    await this.#feed?.publish(key, version);
  }

  /**
   * A change as the source's change feed tells it, to every process that follows it: invalidates it in place of a
   * writer that was killed after its commit. At once for one that was heard of; repeats and older ones do nothing.
   */
  toldByFeed(key: string, version: number): void {
    assertVersion(version);
    this.#catchUp.told(key, version);
  }

  /** Loads keys before they are asked for, in batches one after the other; how many there were values of. */
  async warm(keys: readonly string[]): Promise<number> {
    let found = 0;
    for (let index = 0; index < keys.length; index += keysMax) {
      const batch = keys.slice(index, index + keysMax);
      const loaded = await Promise.allSettled(batch.map((key) => this.get(key)));
      found += loaded.filter((each) => each.status === 'fulfilled' && each.value !== undefined).length;
    }
    this.counters.warmed += found;
    return found;
  }

  /** Keys that all processes together read very often, most read first. */
  hotKeys(): HotKey[] {
    return this.hot.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#catchUp[Symbol.dispose]();
    await this.#feed?.[Symbol.asyncDispose]();
  }

  #sharedLevel(): SharedLevel<Value> | undefined {
    const { store, clock, counters, options } = this.#parts;
    const { sharedTtlMs: ttlMs, negativeTtlMs, jitterShare, hot } = options.bounds;
    return (
      store &&
      new SharedLevel<Value>({
        store,
        clock,
        counters,
        ttlMs,
        negativeTtlMs,
        jitterShare,
        name: options.name,
        codec: options.codec,
        copies: hot.copies,
        isHot: (key) => this.hot.isHot(key),
        versionMin: (key) => this.#own.versionMin(key),
        known: (key) => this.#own.known(key),
      })
    );
  }

  #openFeed({ bus, writers }: { bus: Bus; writers: WriterBeats }): InvalidationFeed {
    const { clock, counters, processId } = this.#parts;
    return new InvalidationFeed({
      bus,
      writers,
      processId,
      clock,
      counters,
      channel: `cache.${this.name}`,
      onInvalid: (key, version) => this.#own.deleteOlder(key, version),
      onGap: () => this.#own.distrust(),
    });
  }

  /** Before each answer: two comparisons while nothing has happened. */
  #heed(): void {
    const feed = this.#feed;
    if (!feed || (feed.isFlowing === this.#isHeard && feed.epoch === this.#epoch)) return;
    this.#isHeard = feed.isFlowing;
    this.#epoch = feed.epoch;
    this.#own.limitAge(this.#isHeard ? Infinity : this.#parts.options.bounds.unheardTtlMs);
    if (this.#isHeard) this.#own.distrust();
  }

  #miss(key: string): Promise<Value | undefined> {
    if (!this.#own.isLoading(key) && this.hot.isLimited(key)) {
      return this.#own.stale(key) ?? Promise.reject(new CodedError(cacheErrors, 'CACHE_BUSY'));
    }
    return this.#own.fill(key, () => this.#fill(key));
  }

  async #fill(key: string): Promise<Loaded<Value | undefined>> {
    const shared = this.#shared;
    if (!shared) return this.#read(key);
    return (await shared.read(key)) ?? (await this.#fillShared(shared, key));
  }

  /** One process reads the source, the others wait until it has filled the shared level, or too long. */
  async #fillShared(shared: SharedLevel<Value>, key: string): Promise<Loaded<Value | undefined>> {
    const { options, clock } = this.#parts;
    const leases = this.#parts.shared?.leases;
    const leaseKey = `${this.name}:${key}`;
    const found = leases && (await this.#leaseOrValue(shared, key, leases));
    if (found) return found;
    const readAtMs = clock.monotonicMs();
    try {
      const loaded = await this.#read(key);
      const filled = shared.fill(key, loaded, readAtMs);
      void filled.then(() => this.#giveBack(leaseKey, readAtMs + options.bounds.leaseMs));
      return loaded;
    } catch (error) {
      this.#giveBack(leaseKey, readAtMs + options.bounds.leaseMs);
      throw error;
    }
  }

  /** What another process filled meanwhile; undefined when it is ours to read. */
  async #leaseOrValue(
    shared: SharedLevel<Value>,
    key: string,
    leases: FillLeases,
  ): Promise<Loaded<Value | undefined> | undefined> {
    const { options, clock, counters } = this.#parts;
    const endMs = clock.monotonicMs() + options.bounds.leaseMs / 2;
    for (let pollMs = pollMsMin; ; pollMs = Math.min(2 * pollMs, pollMsMax)) {
      const isOurs = await leases.take(`${this.name}:${key}`, options.bounds.leaseMs);
      // Who had the lease before us may have filled between our look and our turn.
      const loaded = await shared.look(key);
      if (loaded && isOurs) leases.give(`${this.name}:${key}`);
      if (loaded || isOurs) return loaded;
      if (clock.monotonicMs() >= endMs) {
        counters.leaseTimeouts++;
        return undefined;
      }
      counters.leaseWaits++;
      await delay(pollMs * (0.5 + Math.random()));
    }
  }

  /** A lease that is over may be another's by now. */
  #giveBack(leaseKey: string, untilMs: number): void {
    if (this.#parts.clock.monotonicMs() < untilMs) this.#parts.shared?.leases.give(leaseKey);
  }

  async #read(key: string): Promise<Loaded<Value | undefined>> {
    const sourced = await this.#source.ask(key);
    if (sourced instanceof Error) throw sourced;
    assertVersion(sourced.version);
    return sourced;
  }

  async #load(keys: readonly string[]): Promise<readonly Sourced<Value>[]> {
    const { counters, options } = this.#parts;
    counters.sourceReads += keys.length;
    try {
      const answers = await options.load(keys);
      invariant(answers.length === keys.length, `the source of ${this.name} answers each key`);
      for (const answer of answers) if (answer instanceof Error) counters.sourceFailures++;
      return answers;
    } catch (error) {
      counters.sourceFailures += keys.length;
      throw error;
    }
  }
}

function ownOptions<Value>(parts: TieredCacheParts<Value>): LoadingCacheOptions<Value | undefined> {
  const { options, clock, counters, shared } = parts;
  const { sizeOf, bounds } = options;
  // Where nothing is ever heard of others, all that is older is older than its TTL.
  const alone = { ttlMs: Math.min(bounds.ttlMs, bounds.unheardTtlMs), revalidateMsMax: 0 };
  return {
    ...bounds,
    ...(shared ? {} : alone),
    clock,
    counters,
    loadsMax,
    sizeOf: sizeOf && ((value) => (value === undefined ? 0 : sizeOf(value))),
    negative: { entriesMax: bounds.negativeEntriesMax, ttlMs: bounds.negativeTtlMs },
  };
}

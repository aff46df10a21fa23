import type { Clock } from '../clock/index.ts';
import { CodedError, hasCode } from '../error/index.ts';
import { within } from '../timing/index.ts';
import { Entries, type Entry } from './entries.ts';
import { cacheErrors } from './errors.ts';
import { Floors } from './floors.ts';
import { tombstoneMs } from './limits.ts';

export const loadingCacheCounterNames = [
  'hits',
  'negativeHits',
  'loads',
  'joined',
  'loadFailures',
  'revalidations',
  'refreshRefusals',
  'staleAnswers',
  'olderRefusals',
  'floorsLost',
  'evictions',
  'oversize',
  'pinRefusals',
  'refusals',
] as const;
export type LoadingCacheCounters = Record<(typeof loadingCacheCounterNames)[number], number>;

export interface LoadingCacheOptions<Value> {
  readonly clock: Clock;
  /** Entries kept; beyond it one that was not read lately goes (`evictions`). */
  readonly entriesMax: number;
  readonly ttlMs: number;
  /** Up to this share of the TTL is taken off each entry at random, so that those loaded together do not end together. */
  readonly jitterShare?: number;
  /** Bytes kept, where `sizeOf` is given; a value that is larger alone is answered and not kept (`oversize`). */
  readonly bytesMax?: number;
  readonly sizeOf?: (value: Value) => number;
  /** Above the TTL and below this age an entry is answered at once and refreshed behind the answer (`revalidations`). */
  readonly revalidateMsMax?: number;
  /** Refreshes under way at once; without one more the older value is answered all the same (`refreshRefusals`). */
  readonly refreshesMax?: number;
  /** Loads under way at once; one more is CACHE_BUSY (`refusals`). */
  readonly loadsMax?: number;
  /** While loads fail, older values are answered up to this age; 0: never. */
  readonly staleMsMax?: number;
  /** How long a reader that could have an older value waits for a newer one. */
  readonly staleWaitMs?: number;
  /** After a failed load, how long older values are answered without trying again. */
  readonly retryMs?: number;
  /** Keeps `undefined` apart: with its own TTL, and bound so that a scan of unknown keys evicts none of the known. */
  readonly negative?: { readonly entriesMax: number; readonly ttlMs: number };
  /** Keys that may be pinned: never evicted, and refreshed before their TTL is over (`pinRefusals`). */
  readonly pinsMax?: number;
  /** False for values that must be loaded again by the next reader, such as "not found". */
  readonly isKept?: (value: Value) => boolean;
  readonly counters?: LoadingCacheCounters;
}

/** What a load answers where values have versions: an older one never takes the place of a newer one. */
export interface Loaded<Value> {
  readonly value: Value;
  readonly version: number;
}

type EntryFields<Key, Value> = Omit<
  Entry<Key, Value>,
  'key' | 'reads' | 'isRead' | 'isPinned' | 'newer' | 'older'
>;
interface Begun {
  readonly loadedAtMs: number;
  readonly epoch: number;
}
type Load<Value> = () => Promise<Loaded<Value>>;

/** Hits of a key are told of in portions of this many. */
const readsPerReport = 16;
/** Keys whose invalidation is remembered; the oldest goes first (`floorsLost`). */
const floorsMax = 10_000;
/** A pinned entry is refreshed when this share of its life is over. */
const refreshShare = 0.7;

/**
 * Values of one source kept for a moment: bounded, each key loaded once however many ask (single
 * flight), older values answered while the source is down. A load that throws is an outage; what is
 * not there is a value (`undefined`).
 */
export class LoadingCache<Key, Value> {
  readonly #options: LoadingCacheOptions<Value>;
  readonly #onReads: ((key: Key, reads: number) => void) | undefined;
  readonly #clock: Clock;
  readonly #entries: Entries<Key, Value>;
  readonly #negatives: Entries<Key, Value> | undefined;
  readonly #loads = new Map<Key, Promise<Value>>();
  readonly #pins = new Set<Key>();
  readonly #counters: LoadingCacheCounters;
  readonly #floors: Floors<Key>;
  #refreshes = 0;
  #failedAtMs = -Infinity;
  #epoch = 0;
  #ageMsMax = Infinity;

  /** `onReads` hears how often keys are read; up to 15 hits of each are not told of yet. */
  constructor(options: LoadingCacheOptions<Value>, onReads?: (key: Key, reads: number) => void) {
    this.#onReads = onReads;
    const { clock, entriesMax, bytesMax = Infinity, negative, counters = zeroCounters() } = options;
    const onEviction = (): void => void counters.evictions++;
    this.#options = options;
    this.#clock = clock;
    this.#counters = counters;
    this.#floors = new Floors({ clock, keysMax: floorsMax, keepMs: tombstoneMs });
    this.#entries = new Entries({ countMax: entriesMax, bytesMax, onEviction });
    this.#negatives =
      negative && new Entries({ countMax: negative.entriesMax, bytesMax: Infinity, onEviction });
  }

  /** Entries, without those that say "not there". */
  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.bytes;
  }

  /** The value of `key`, at most `ttlMs` old while the source answers. */
  get(key: Key, load: () => Promise<Value>): Promise<Value> {
    return this.fresh(key) ?? this.fill(key, async () => ({ value: await load(), version: 0 }));
  }

  /** The answer that is there and fresh; undefined: `fill` gets it. Allocates nothing. */
  fresh(key: Key): Promise<Value> | undefined {
    return this.#hit(key)?.answer;
  }

  /** The value that is there and fresh, for readers that cannot wait. Allocates nothing. */
  peek(key: Key): Value | undefined {
    return this.#hit(key)?.value;
  }

  /** What `get` does where nothing is fresh: load, or answer what is there and refresh it. */
  fill(key: Key, load: Load<Value>): Promise<Value> {
    this.#onReads?.(key, 1);
    const entry = this.#entries.get(key);
    if (!entry) return this.#load(key, load);
    const nowMs = this.#clock.monotonicMs();
    const ageMs = nowMs - entry.loadedAtMs;
    const { revalidateMsMax = 0, staleMsMax = 0 } = this.#options;
    if (entry.epoch !== this.#epoch) return this.#verified(entry, ageMs, load);
    const isRefreshed = nowMs < entry.freshUntilMs || ageMs < revalidateMsMax;
    if (isRefreshed && ageMs < this.#ageMsMax) return this.#refreshed(entry, nowMs, load);
    const loading = this.#load(key, load);
    return ageMs < staleMsMax ? this.#freshOrStale(loading, entry) : loading;
  }

  /** The version that is kept of `key`, fresh or not, and its value: for a fill that finds nothing newer. */
  known(key: Key): Loaded<Value> | undefined {
    return this.#entries.get(key);
  }

  delete(key: Key): void {
    this.#entries.delete(key);
    this.#negatives?.delete(key);
    this.#loads.delete(key);
  }

  /** What is older than `version` goes and is not kept for a while, and what is being loaded now is not kept. */
  deleteOlder(key: Key, version: number): void {
    this.#loads.delete(key);
    if (!this.#floors.raise(key, version)) this.#counters.floorsLost++;
    const entry = this.#entries.get(key) ?? this.#negatives?.get(key);
    if (entry && entry.version < version) this.delete(key);
  }

  /** What is older is known to be out of date; 0 where nothing is known. */
  versionMin(key: Key): number {
    return this.#floors.of(key);
  }

  /** True while a load of `key` is under way that one more reader would join. */
  isLoading(key: Key): boolean {
    return this.#loads.has(key);
  }

  /** What could be answered though it is not fresh; nothing after a gap. */
  stale(key: Key): Promise<Value> | undefined {
    const entry = this.#entries.get(key);
    return entry && this.#isTrusted(entry, this.#clock.monotonicMs()) && this.#isUseful(entry)
      ? entry.answer
      : undefined;
  }

  /** Drops every value that matches; walks all entries, so it is for rare changes. */
  deleteWhere(matches: (value: Value, key: Key) => boolean): void {
    this.#loads.clear();
    for (const entries of [this.#entries, this.#negatives]) {
      for (const { key, value } of entries?.values() ?? []) if (matches(value, key)) entries?.delete(key);
    }
  }

  /** Changes may have been missed: whatever was loaded before now is loaded again before it is answered. */
  distrust(): void {
    this.#epoch++;
    this.#loads.clear();
  }

  /** While changes are not heard of, entries above this age are loaded again before they are answered. */
  limitAge(ageMsMax: number): void {
    this.#ageMsMax = ageMsMax;
  }

  /** Never evicted from now on, and refreshed early. False beyond `pinsMax`. */
  pin(key: Key): boolean {
    const { pinsMax = 64 } = this.#options;
    if (!this.#pins.has(key) && this.#pins.size >= Math.min(pinsMax, this.#options.entriesMax / 2)) {
      this.#counters.pinRefusals++;
      return false;
    }
    this.#pins.add(key);
    this.#markPinned(this.#entries.get(key), true);
    return true;
  }

  unpin(key: Key): void {
    this.#pins.delete(key);
    this.#markPinned(this.#entries.get(key), false);
  }

  #hit(key: Key): Entry<Key, Value> | undefined {
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = this.#negatives?.get(key);
      if (!entry) return undefined;
    }
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= entry.dueAtMs || !this.#isTrusted(entry, nowMs)) return undefined;
    this.#counters.hits++;
    if (entry.value === undefined) this.#counters.negativeHits++;
    entry.isRead = true;
    if (++entry.reads % readsPerReport === 0) this.#onReads?.(key, readsPerReport);
    return entry;
  }

  #isTrusted(entry: Entry<Key, Value>, nowMs: number): boolean {
    if (entry.epoch !== this.#epoch) return false;
    return this.#ageMsMax === Infinity || nowMs - entry.loadedAtMs < this.#ageMsMax;
  }

  /** Changes may have been missed: only while the source is down the value is answered that was there before. */
  async #verified(entry: Entry<Key, Value>, ageMs: number, load: Load<Value>): Promise<Value> {
    try {
      return await this.#load(entry.key, load);
    } catch (error) {
      if (ageMs >= (this.#options.staleMsMax ?? 0) || hasCode(error, 'CACHE_BUSY')) throw error;
      this.#counters.staleAnswers++;
      return entry.value;
    }
  }

  /** The value that is there; behind the answer a newer one is asked for, not again before `retryMs`. */
  #refreshed(entry: Entry<Key, Value>, nowMs: number, load: Load<Value>): Promise<Value> {
    if (nowMs >= entry.freshUntilMs) this.#counters.revalidations++;
    else this.#counters.hits++;
    entry.isRead = true;
    if (nowMs < entry.refreshAtMs || this.#loads.has(entry.key)) return entry.answer;
    if (this.#refreshes >= (this.#options.refreshesMax ?? 64)) {
      this.#counters.refreshRefusals++;
      return entry.answer;
    }
    entry.refreshAtMs = nowMs + (this.#options.retryMs ?? 1000);
    entry.dueAtMs = Math.min(entry.freshUntilMs, entry.refreshAtMs);
    void this.#refresh(entry.key, load);
    return entry.answer;
  }

  /** A failure is counted where it is met. */
  async #refresh(key: Key, load: Load<Value>): Promise<void> {
    this.#refreshes++;
    await this.#load(key, load).catch(() => undefined);
    this.#refreshes--;
  }

  #load(key: Key, load: Load<Value>): Promise<Value> {
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
    const loadedAtMs = this.#clock.monotonicMs();
    const epoch = this.#epoch;
    const loading: Promise<Value> = this.#measured(load).then((loaded) => {
      // A deletion takes the load off the list: what was read before it must not be kept after it.
      const isCurrent = this.#loads.get(key) === loading;
      const isKept = this.#options.isKept?.(loaded.value) ?? true;
      return isCurrent && isKept ? this.#keep(key, loaded, { loadedAtMs, epoch }) : loaded.value;
    });
    this.#loads.set(key, loading);
    return loading.finally(() => {
      if (this.#loads.get(key) === loading) this.#loads.delete(key);
    });
  }

  async #measured(load: Load<Value>): Promise<Loaded<Value>> {
    try {
      return await load();
    } catch (error) {
      this.#counters.loadFailures++;
      this.#failedAtMs = this.#clock.monotonicMs();
      throw error;
    }
  }

  /** The value to answer: what is there already, when that is newer. */
  #keep(key: Key, loaded: Loaded<Value>, begun: Begun): Value {
    const { loadedAtMs, epoch } = begun;
    const { value, version } = loaded;
    const known = this.#entries.get(key) ?? this.#negatives?.get(key);
    if (known && known.version > version && this.#isUseful(known)) {
      this.#counters.olderRefusals++;
      return known.value;
    }
    if (version < this.#floors.of(key)) {
      this.#counters.olderRefusals++;
      return value;
    }
    const { sizeOf, bytesMax = Infinity, negative } = this.#options;
    const isNegative = negative !== undefined && value === undefined;
    const bytes = isNegative ? 0 : (sizeOf?.(value) ?? 0);
    if (bytes > bytesMax) {
      this.#counters.oversize++;
      this.delete(key);
      return value;
    }
    const freshUntilMs = loadedAtMs + this.#lifeMs(isNegative ? negative.ttlMs : this.#options.ttlMs);
    const times = { loadedAtMs, freshUntilMs, refreshAtMs: freshUntilMs, dueAtMs: freshUntilMs };
    this.#put(key, { value, version, answer: Promise.resolve(value), bytes, epoch, ...times }, isNegative);
    return value;
  }

  #put(key: Key, fields: EntryFields<Key, Value>, isNegative: boolean): void {
    const [entries, others] =
      isNegative && this.#negatives ? [this.#negatives, this.#entries] : [this.#entries, this.#negatives];
    others?.delete(key);
    let entry = entries.get(key);
    if (entry) {
      entries.resize(entry, fields.bytes);
      Object.assign(entry, fields);
    } else {
      const links = { newer: undefined, older: undefined };
      entry = { key, ...fields, reads: 0, isRead: false, isPinned: false, ...links };
      entries.add(entry);
    }
    if (!isNegative) this.#markPinned(entry, this.#pins.has(key));
  }

  #markPinned(entry: Entry<Key, Value> | undefined, isPinned: boolean): void {
    if (!entry) return;
    entry.isPinned = isPinned;
    const lifeMs = entry.freshUntilMs - entry.loadedAtMs;
    entry.refreshAtMs = isPinned ? entry.loadedAtMs + lifeMs * refreshShare : entry.freshUntilMs;
    entry.dueAtMs = entry.refreshAtMs;
  }

  #lifeMs(ttlMs: number): number {
    const { jitterShare = 0 } = this.#options;
    return jitterShare === 0 ? ttlMs : ttlMs * (1 - jitterShare * Math.random());
  }

  /** A source whose versions went back, as after a restored backup, is believed when what we know is too old to answer. */
  #isUseful(entry: Entry<Key, Value>): boolean {
    const { ttlMs, revalidateMsMax = 0, staleMsMax = 0 } = this.#options;
    return this.#clock.monotonicMs() - entry.loadedAtMs < Math.max(ttlMs, revalidateMsMax, staleMsMax);
  }

  /** A reader who could have an older value never waits out the source's time limit. */
  async #freshOrStale(loading: Promise<Value>, entry: Entry<Key, Value>): Promise<Value> {
    const sinceFailureMs = this.#clock.monotonicMs() - this.#failedAtMs;
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
function firstWithin<Value>(loading: Promise<Value>, waitMs: number): Promise<{ value: Value } | undefined> {
  const settled = loading.then(
    (value) => ({ value }),
    () => undefined,
  );
  return within(waitMs, settled, () => undefined);
}

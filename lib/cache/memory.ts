import type { Clock } from '../clock/index.ts';
import { assertKeys, assertVersion, tombstoneMs, valueBytesMax } from './limits.ts';
import type { StoredValue, ValueStore } from './types.ts';

const memoryStoreCounterNames = ['hits', 'misses', 'olderRefused', 'tooLarge', 'evictions'] as const;
type MemoryStoreCounters = Record<(typeof memoryStoreCounterNames)[number], number>;

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Of keys and values with what keeping them costs; beyond it what was used least recently goes (`evictions`). */
  readonly bytesMax: number;
}

interface Entry extends StoredValue {
  /** An invalidation: nothing is answered, and nothing older stored. */
  readonly isTombstone: boolean;
  readonly expiresAtMs: number;
  readonly size: number;
}

/** What the map and the objects of one entry take, about. */
const entryBytes = 120;

/** The values of one process: what a shared level promises, without an engine. */
export class MemoryValueStore implements ValueStore {
  readonly name = 'memory';
  readonly counters: MemoryStoreCounters = { hits: 0, misses: 0, olderRefused: 0, tooLarge: 0, evictions: 0 };
  readonly #options: MemoryStoreOptions;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #isClosed = false;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
  }

  /** Bytes in use, at most `bytesMax`. */
  get bytes(): number {
    return this.#bytes;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async get(keys: readonly string[]): Promise<(StoredValue | undefined)[]> {
    assertKeys(keys);
    return keys.map((key) => this.#answer(key));
  }

  async set(key: string, value: StoredValue, ttlMs: number): Promise<boolean> {
    assertVersion(value.version);
    if ((value.bytes?.length ?? 0) > valueBytesMax) {
      this.counters.tooLarge++;
      return this.#raise(key, value.version);
    }
    return this.#put(key, { ...value, isTombstone: false }, ttlMs);
  }

  async invalidate(key: string, version: number): Promise<void> {
    assertVersion(version);
    this.#raise(key, version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#entries.clear();
    this.#bytes = 0;
  }

  #answer(key: string): StoredValue | undefined {
    const entry = this.#find(key);
    if (!entry || entry.isTombstone) {
      this.counters.misses++;
      return undefined;
    }
    this.counters.hits++;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return { version: entry.version, bytes: entry.bytes };
  }

  /** A value of this version or a newer one stays; in place of an older one nothing is known. */
  #raise(key: string, version: number): boolean {
    const entry = this.#find(key);
    if (entry && entry.version >= version) return entry.version === version;
    return this.#put(key, { version, bytes: undefined, isTombstone: true }, tombstoneMs);
  }

  #put(key: string, value: Omit<Entry, 'expiresAtMs' | 'size'>, ttlMs: number): boolean {
    const known = this.#find(key);
    if (known && known.version > value.version) {
      this.counters.olderRefused++;
      return false;
    }
    if (this.#isClosed) return true;
    this.#remove(key);
    const size = entryBytes + 2 * key.length + (value.bytes?.length ?? 0);
    const expiresAtMs = this.#options.clock.monotonicMs() + ttlMs;
    this.#entries.set(key, { ...value, expiresAtMs, size });
    this.#bytes += size;
    this.#evict();
    return true;
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (!entry || this.#options.clock.monotonicMs() < entry.expiresAtMs) return entry;
    this.#remove(key);
    return undefined;
  }

  #evict(): void {
    for (const key of this.#entries.keys()) {
      if (this.#bytes <= this.#options.bytesMax) return;
      this.#remove(key);
      this.counters.evictions++;
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.size;
  }
}

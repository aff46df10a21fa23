import type { Clock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import { collectionsErrors } from './errors.ts';
import { SortedMembers } from './sorted-members.ts';

/** The kinds of data, each in the form in which it is kept. */
export interface Kinds {
  value: Buffer;
  hash: Map<string, Buffer>;
  rank: SortedMembers;
  set: Set<string>;
  list: Buffer[];
}

export type Kind = keyof Kinds;

export interface Entry<Of extends Kind = Kind> {
  readonly kind: Of;
  data: Kinds[Of];
  /** Estimate of what it holds, without the key. */
  bytes: number;
  /** Monotonic; Infinity without a TTL. */
  expiresAtMs: number;
}

export interface MemoryBounds {
  readonly bytesMax: number;
  readonly entriesMax: number;
}

export type MemoryCounters = Record<'evictions' | 'expirations', number>;

/** What a key costs beside what it holds. */
const overheadBytes = 128;
const sweepSteps = 2;

const empty: { [Of in Kind]: () => Kinds[Of] } = {
  value: () => Buffer.alloc(0),
  hash: () => new Map(),
  rank: () => new SortedMembers(),
  set: () => new Set(),
  list: () => [],
};

/**
 * Keys of one process, bounded in number and bytes: the one that was not used for longest goes first, and is counted.
 * Expired ones go when they are met; each write looks at two more, so that they go without a timer.
 */
export class MemoryStore {
  readonly #entries = new Map<string, Entry>();
  readonly #bounds: MemoryBounds;
  readonly #counters: MemoryCounters;
  readonly #clock: Clock;
  #bytes = 0;
  #sweep = this.#entries.entries();

  constructor(bounds: MemoryBounds, counters: MemoryCounters, clock: Clock) {
    this.#bounds = bounds;
    this.#counters = counters;
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The entry of any kind, as the one used last. */
  find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (this.#isExpired(entry)) {
      this.#drop(key, entry);
      this.#counters.expirations++;
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /** Errors: KEY_WRONG_KIND. */
  get<Of extends Kind>(key: string, kind: Of): Kinds[Of] | undefined {
    return this.#typed(key, kind)?.data;
  }

  /**
   * Changes what a key holds; `change` answers by how many bytes it grew. What becomes empty is gone.
   * Errors: KEY_WRONG_KIND.
   */
  update<Of extends Kind>(key: string, kind: Of, change: (data: Kinds[Of]) => number): void {
    const found = this.#typed(key, kind);
    const entry = found ?? this.#insert(key, kind, empty[kind]());
    const grown = change(entry.data);
    entry.bytes += grown;
    this.#bytes += grown;
    if (sizeOf(entry) === 0) this.#drop(key, entry);
    this.#evict();
  }

  /** Replaces whatever the key held. */
  put(key: string, value: Buffer, ttlMs: number | undefined): void {
    this.delete(key);
    const entry = this.#insert(key, 'value', value);
    entry.bytes = value.length;
    this.#bytes += value.length;
    if (ttlMs !== undefined) this.expire(entry, ttlMs);
    this.#evict();
  }

  expire(entry: Entry, ttlMs: number): void {
    entry.expiresAtMs = this.#clock.monotonicMs() + ttlMs;
  }

  delete(key: string): boolean {
    const entry = this.find(key);
    if (entry) this.#drop(key, entry);
    return entry !== undefined;
  }

  #typed<Of extends Kind>(key: string, kind: Of): Entry<Of> | undefined {
    const entry = this.find(key);
    if (entry && entry.kind !== kind)
      throw new CodedError(collectionsErrors, 'KEY_WRONG_KIND', { detail: `${key} is a ${entry.kind}` });
    return entry as Entry<Of> | undefined;
  }

  #insert<Of extends Kind>(key: string, kind: Of, data: Kinds[Of]): Entry<Of> {
    const entry: Entry<Of> = { kind, data, bytes: 0, expiresAtMs: Infinity };
    this.#entries.set(key, entry);
    this.#bytes += overheadBytes + key.length;
    return entry;
  }

  #drop(key: string, entry: { readonly bytes: number }): void {
    if (this.#entries.delete(key)) this.#bytes -= entry.bytes + overheadBytes + key.length;
  }

  #isExpired(entry: Entry): boolean {
    return entry.expiresAtMs !== Infinity && this.#clock.monotonicMs() >= entry.expiresAtMs;
  }

  #evict(): void {
    for (let step = 0; step < sweepSteps; step++) this.#sweepOne();
    const { bytesMax, entriesMax } = this.#bounds;
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= bytesMax && this.#entries.size <= entriesMax) return;
      this.#counters[this.#isExpired(entry) ? 'expirations' : 'evictions']++;
      this.#drop(key, entry);
    }
  }

  #sweepOne(): void {
    const next = this.#sweep.next();
    if (next.done) this.#sweep = this.#entries.entries();
    else if (this.#isExpired(next.value[1])) {
      this.#drop(next.value[0], next.value[1]);
      this.#counters.expirations++;
    }
  }
}

/** Values count as one even when they have no bytes. */
function sizeOf({ kind, data }: { readonly kind: Kind; readonly data: Kinds[Kind] }): number {
  if (kind === 'value') return 1;
  return kind === 'list' ? (data as Buffer[]).length : (data as Kinds['set']).size;
}

/** What a process keeps of one key. Mutable in place, so that a hit and a refresh allocate nothing. */
export interface Entry<Key, Value> {
  readonly key: Key;
  value: Value;
  /** Of the source; 0 where the source has none. */
  version: number;
  /** The value, as readers who may have to wait get it: made once, not for each of them. */
  answer: Promise<Value>;
  bytes: number;
  loadedAtMs: number;
  freshUntilMs: number;
  /** From here on the next reader causes a refresh; Infinity while one is under way or none is wanted. */
  refreshAtMs: number;
  /** The earlier of the two: until then a hit looks at nothing else. */
  dueAtMs: number;
  /** Of the cache when the load began; an entry of an older epoch is not trusted. */
  epoch: number;
  reads: number;
  isRead: boolean;
  isPinned: boolean;
  newer: Entry<Key, Value> | undefined;
  older: Entry<Key, Value> | undefined;
}

export interface EntriesOptions {
  readonly countMax: number;
  readonly bytesMax: number;
  readonly onEviction: () => void;
}

/**
 * Entries within two bounds, evicted by second chance (CLOCK): the oldest goes, unless it was read since it was last
 * looked at; then it begins anew as the newest. A hit sets one flag where LRU moves the entry, and one pass over many
 * keys that are read once does not wash out those that are read again. Pinned entries always begin anew: the owner
 * keeps them few.
 */
export class Entries<Key, Value> {
  readonly #options: EntriesOptions;
  readonly #byKey = new Map<Key, Entry<Key, Value>>();
  #newest: Entry<Key, Value> | undefined;
  #oldest: Entry<Key, Value> | undefined;
  #bytes = 0;

  constructor(options: EntriesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: Key): Entry<Key, Value> | undefined {
    return this.#byKey.get(key);
  }

  values(): Iterable<Entry<Key, Value>> {
    return this.#byKey.values();
  }

  /** Takes an entry whose key is new here; not kept when all that would have to go is pinned. */
  add(entry: Entry<Key, Value>): void {
    if (!this.#makeRoom(1, entry.bytes)) return this.#options.onEviction();
    this.#byKey.set(entry.key, entry);
    this.#bytes += entry.bytes;
    this.#link(entry);
  }

  /** The entry goes itself when it cannot grow. */
  resize(entry: Entry<Key, Value>, bytes: number): void {
    if (!this.#makeRoom(0, bytes - entry.bytes, entry)) {
      this.#remove(entry);
      return this.#options.onEviction();
    }
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  delete(key: Key): boolean {
    const entry = this.#byKey.get(key);
    if (entry) this.#remove(entry);
    return entry !== undefined;
  }

  #makeRoom(count: number, bytes: number, spared?: Entry<Key, Value>): boolean {
    const { countMax, bytesMax, onEviction } = this.#options;
    while (this.#byKey.size + count > countMax || this.#bytes + bytes > bytesMax) {
      const victim = this.#victim(spared);
      if (!victim) return false;
      this.#remove(victim);
      onEviction();
    }
    return true;
  }

  #victim(spared: Entry<Key, Value> | undefined): Entry<Key, Value> | undefined {
    // The first round clears the flags, the second finds one that is clear.
    for (let steps = 2 * this.#byKey.size; steps > 0; steps--) {
      const entry = this.#oldest;
      if (!entry || (!entry.isRead && !entry.isPinned && entry !== spared)) return entry;
      entry.isRead = false;
      this.#unlink(entry);
      this.#link(entry);
    }
    return undefined;
  }

  #remove(entry: Entry<Key, Value>): void {
    this.#unlink(entry);
    this.#byKey.delete(entry.key);
    this.#bytes -= entry.bytes;
  }

  #link(entry: Entry<Key, Value>): void {
    entry.older = this.#newest;
    if (this.#newest) this.#newest.newer = entry;
    else this.#oldest = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry<Key, Value>): void {
    if (entry.newer) entry.newer.older = entry.older;
    else this.#newest = entry.older;
    if (entry.older) entry.older.newer = entry.newer;
    else this.#oldest = entry.newer;
    entry.newer = entry.older = undefined;
  }
}

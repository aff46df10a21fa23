/** A value as a shared level keeps it, with the version of its source: a newer version is never replaced by an older one. */
export interface StoredValue {
  /** A safe integer, 0 or more, that grows with each change of the source. */
  readonly version: number;
  /** Undefined: known not to exist. */
  readonly bytes: Buffer | undefined;
}

/**
 * A level that processes share: Memcached peers, collections, or memory. It may forget anything at any time and
 * answers "not there" rather than fail; what it could not do it counts.
 */
export interface ValueStore extends AsyncDisposable {
  /** Names the level in metrics: `memcached`, `collections`, `memory`. */
  readonly name: string;
  /** In the order of the keys; at most `keysMax` (limits.ts). */
  get(keys: readonly string[]): Promise<(StoredValue | undefined)[]>;
  /**
   * Stores unless something newer is known; false then, and only then. Bytes beyond `valueBytesMax` (limits.ts)
   * and what an engine cannot take now are not stored; of what was there before, nothing older is answered.
   */
  set(key: string, value: StoredValue, ttlMs: number): Promise<boolean>;
  /** From now on nothing older than `version` is answered or stored under `key`, for as long as a fill may be under way. */
  invalidate(key: string, version: number): Promise<void>;
}

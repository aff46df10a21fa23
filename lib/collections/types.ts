/** What an engine cannot do is unknown here too: code that runs embedded runs on the fleet. */
export interface Capabilities {
  /** Of one value, in bytes. */
  readonly valueBytesMax: number;
  /** Keys that one script may name: those of one hash tag, `{tag}` in the key. */
  readonly multiKeyScope: 'tag';
}

export interface Script {
  /** Name in metrics and errors. */
  readonly name: string;
  /** Lua as Redis runs it, for keys that share the hash tag. */
  readonly lua: string;
  /** The same for the embedded engine, over a view of the tag's keys. */
  readonly run: (keys: readonly string[], args: readonly string[], store: ScriptStore) => ScriptAnswer;
}

export type ScriptAnswer = string | number | Buffer | null | readonly ScriptAnswer[];

/** What a script may do with plain values of its tag. */
export interface ScriptStore {
  get(key: string): Buffer | undefined;
  set(key: string, value: Uint8Array, ttlMs?: number): void;
  delete(key: string): void;
}

export interface Subscription extends AsyncDisposable {
  /** Changes whenever messages may have been missed: what was learned from the bus before is to be checked again. */
  readonly epoch: number;
}

/** Messages to whoever listens now; nothing is kept. It never passes Twemproxy: it has a connection of its own. */
export interface Bus {
  publish(channel: string, message: Uint8Array): Promise<void>;
  /** `onGap` is called with the new epoch after each gap, once messages flow again. */
  subscribe(
    channel: string,
    listener: { onMessage(message: Buffer): void; onGap(epoch: number): void },
  ): Promise<Subscription>;
}

/**
 * Shared data that may be lost and rebuilt: ranks, presence, counts, rings, caches (data.md). Operations are those
 * that Twemproxy passes. Errors: COLLECTIONS_UNAVAILABLE, COLLECTIONS_BUSY, VALUE_TOO_LARGE, WRITE_LIMITED.
 */
export interface Collections extends AsyncDisposable {
  readonly capabilities: Capabilities;
  readonly bus: Bus;
  get(key: string): Promise<Buffer | undefined>;
  /** In the order of the keys; at most 512. */
  getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  set(key: string, value: Uint8Array, ttlMs?: number): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  /** Makes the key a number if it is none yet; the new number. The TTL begins with the first increment. */
  increment(key: string, by: number, ttlMs?: number): Promise<number>;
  expire(key: string, ttlMs: number): Promise<void>;
  /** All keys carry `{tag}`. */
  script(
    script: Script,
    tag: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<ScriptAnswer>;
}

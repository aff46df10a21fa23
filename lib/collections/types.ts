import type { Bus } from './bus-types.ts';
import type { Hashes, Lists, Ranks, Sets } from './group-types.ts';

/** What an engine cannot do is unknown here too: code that runs embedded runs on the fleet. */
export interface Capabilities {
  /** Of one value, in bytes. */
  readonly valueBytesMax: number;
  /** Of a key, and of a field or member in one, in bytes of UTF-8. */
  readonly keyBytesMax: number;
  /** Elements of one hash, rank, set or list. */
  readonly entriesMax: number;
  /** Keys that one script may name: those of one hash tag, `{tag}` in the key. */
  readonly multiKeyScope: 'tag';
}

export interface Script {
  /** Name in errors. */
  readonly name: string;
  /** Lua as Redis runs it, for keys that share the hash tag. */
  readonly lua: string;
  /** The same for the embedded engine, over a view of the tag's keys. */
  readonly run: (keys: readonly string[], args: readonly Buffer[], store: ScriptStore) => ScriptReply;
}

/** What a script answers through the port: texts are bytes, fractions are cut off, as Redis does. */
export type ScriptAnswer = number | Buffer | null | readonly ScriptAnswer[];

/** What the embedded form of a script may return. */
export type ScriptReply = string | number | Buffer | null | readonly ScriptReply[];

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | Uint8Array)[];
}

/** What a script may do with plain values of its tag. */
export interface ScriptStore {
  get(key: string): Buffer | undefined;
  /** Without a TTL it stays until it is deleted, whatever was there before. */
  set(key: string, value: string | Uint8Array, ttlMs?: number): void;
  /** As the port's: the TTL begins with the first increment. */
  increment(key: string, by: number, ttlMs?: number): number;
  delete(key: string): void;
}

/** A key that was seen to be large, for those who look for what hurts. */
export interface LargeKey {
  readonly key: string;
  readonly kind: 'value' | 'hash' | 'rank' | 'set' | 'list';
  /** Elements, of a value bytes; when it was last looked at. */
  readonly size: number;
}

/**
 * Shared data that may be lost and rebuilt: ranks, presence, counts, rings, caches (docs/data.md). Operations are
 * those that Twemproxy passes. Keys, fields and members are 1 to 512 bytes of UTF-8; of a key with `{tag}` in it only
 * the tag decides where it lies.
 * Errors of all: COLLECTIONS_UNAVAILABLE, COLLECTIONS_BUSY, KEY_INVALID, KEY_WRONG_KIND; of those that write also
 * VALUE_TOO_LARGE, WRITE_LIMITED. After COLLECTIONS_UNAVAILABLE a write may have been done or not.
 */
export interface Collections extends AsyncDisposable {
  readonly capabilities: Capabilities;
  readonly bus: Bus;
  readonly hashes: Hashes;
  readonly ranks: Ranks;
  readonly sets: Sets;
  readonly lists: Lists;
  get(key: string): Promise<Buffer | undefined>;
  /** In the order of the keys; at most 512. */
  getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  set(key: string, value: Uint8Array, ttlMs?: number): Promise<void>;
  /** Of any kind; at most 512. */
  delete(keys: readonly string[]): Promise<void>;
  /** Makes the key a number if it is none yet; the new number. The TTL begins with the first increment. */
  increment(key: string, by: number, ttlMs?: number): Promise<number>;
  /** From now on; of any kind. False when the key is not there. */
  expire(key: string, ttlMs: number): Promise<boolean>;
  /** All keys carry `{tag}`, and there is at least one. Errors also: SCRIPT_KEYS, SCRIPT_FAILED. */
  script(script: Script, tag: string, call: ScriptCall): Promise<ScriptAnswer>;
  /** The largest seen by this process, largest first; at most 32. */
  largestKeys(): readonly LargeKey[];
}

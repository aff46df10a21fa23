import { createHash } from 'node:crypto';
import type { Collections, Script } from '../collections/index.ts';
import { assertKeys, assertVersion, tombstoneMs, valueBytesMax } from './limits.ts';
import type { StoredValue, ValueStore } from './types.ts';

export const collectionsStoreCounterNames = [
  'hits',
  'misses',
  'olderRefused',
  'tooLarge',
  'failures',
  'damaged',
  'owed',
  'owedLost',
] as const;
type CollectionsStoreCounters = Record<(typeof collectionsStoreCounterNames)[number], number>;

/** A record is its version in 16 digits, a letter, and the bytes. Text, so that the script compares numbers by Lua. */
type Kind = 'v' | 'n' | 't';
const headBytes = 17;
const headPattern = /^([0-9]{16})([vnt])$/;
const plainPattern = /^[A-Za-z0-9_.:/-]{1,200}$/;

/** Stores a record unless a newer one is there; a tombstone also yields to a value of its version. */
const setScript: Script = {
  name: 'cache-set',
  lua: `local head = redis.call('GETRANGE', KEYS[1], 0, 16)
local given = tonumber(string.sub(ARGV[1], 1, 16))
local known = #head == 17 and tonumber(string.sub(head, 1, 16)) or -1
if known > given then return 0 end
if known == given and string.sub(ARGV[1], 17, 17) == 't' then return 1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
  run: ([key], [record, ttl], store) => {
    const given = Number(record.subarray(0, headBytes - 1).toString());
    const held = store.get(key);
    const known = held && held.length >= headBytes ? Number(held.subarray(0, headBytes - 1).toString()) : -1;
    if (known > given) return 0;
    if (known === given && record[headBytes - 1] === 't'.charCodeAt(0)) return 1;
    store.set(key, record, Number(ttl.toString()));
    return 1;
  },
};

/** Invalidations that could not be told, and are told again; of more the oldest is lost (`owedLost`). */
const owedMax = 10_000;
const owedRetryMs = 500;
/** Invalidations told again at once. */
const owedBatch = 64;

/** Values in shared data (Redis, through Twemproxy as well): each key by one script with one key. */
export class CollectionsValueStore implements ValueStore {
  readonly name = 'collections';
  readonly counters: CollectionsStoreCounters;
  readonly #collections: Collections;
  readonly #bytesMax: number;
  /** What the engine holds of these keys is not to be believed. */
  readonly #owed = new Map<string, number>();
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** The collections stay the caller's to close. */
  constructor(collections: Collections, counters: CollectionsStoreCounters = zeroCounters()) {
    this.#collections = collections;
    this.counters = counters;
    this.#bytesMax = Math.min(valueBytesMax, collections.capabilities.valueBytesMax - headBytes);
  }

  async get(keys: readonly string[]): Promise<(StoredValue | undefined)[]> {
    assertKeys(keys);
    if (this.#isClosed || keys.length === 0) return keys.map(() => undefined);
    try {
      const records = await this.#collections.getMany(keys.map((key) => keyOf(tagOf(key))));
      return records.map((record, index) => this.#answer(keys[index], record));
    } catch {
      this.counters.failures++;
      return keys.map(() => undefined);
    }
  }

  async set(key: string, { version, bytes }: StoredValue, ttlMs: number): Promise<boolean> {
    assertVersion(version);
    const isTooLarge = bytes !== undefined && bytes.length > this.#bytesMax;
    if (isTooLarge) this.counters.tooLarge++;
    const outcome = isTooLarge
      ? await this.#write(key, encode('t', version), tombstoneMs)
      : await this.#write(key, encode(bytes ? 'v' : 'n', version, bytes), ttlMs);
    // An engine that was away may hold what this value was to replace.
    if (outcome === 'failed') this.#owe(key, version);
    if (outcome === 'newer') this.counters.olderRefused++;
    return outcome !== 'newer';
  }

  async invalidate(key: string, version: number): Promise<void> {
    assertVersion(version);
    const outcome = await this.#write(key, encode('t', version), tombstoneMs);
    if (outcome === 'failed') this.#owe(key, version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#owed.clear();
  }

  #answer(key: string, record: Buffer | undefined): StoredValue | undefined {
    const { counters } = this;
    const value = record && decode(record);
    if (record && !value) counters.damaged++;
    if (!value || value.isTombstone || value.version < (this.#owed.get(key) ?? 0)) {
      counters.misses++;
      return undefined;
    }
    counters.hits++;
    return { version: value.version, bytes: value.bytes };
  }

  async #write(key: string, record: Buffer, ttlMs: number): Promise<'stored' | 'newer' | 'failed'> {
    if (this.#isClosed) return 'stored';
    const tag = tagOf(key);
    const args = [record, String(Math.max(1, Math.round(ttlMs)))];
    try {
      const answer = await this.#collections.script(setScript, tag, { keys: [keyOf(tag)], args });
      return answer === 0 ? 'newer' : 'stored';
    } catch {
      this.counters.failures++;
      return 'failed';
    }
  }

  /** An engine that is away may come back with what it held before. */
  #owe(key: string, version: number): void {
    if (this.#isClosed) return;
    const known = this.#owed.get(key) ?? 0;
    this.#owed.delete(key);
    this.#owed.set(key, Math.max(known, version));
    this.counters.owed++;
    if (this.#owed.size > owedMax) {
      const [oldest] = this.#owed.keys();
      this.#owed.delete(oldest);
      this.counters.owedLost++;
    }
    this.#retry ??= setTimeout(() => void this.#tellOwed(), owedRetryMs).unref();
  }

  async #tellOwed(): Promise<void> {
    const batch = [...this.#owed].slice(0, owedBatch);
    const told = await Promise.all(batch.map(([key, version]) => this.#tell(key, version)));
    this.#retry = undefined;
    if (this.#owed.size === 0 || this.#isClosed) return;
    const waitMs = told.every(Boolean) ? 0 : owedRetryMs;
    this.#retry = setTimeout(() => void this.#tellOwed(), waitMs).unref();
  }

  async #tell(key: string, version: number): Promise<boolean> {
    const outcome = await this.#write(key, encode('t', version), tombstoneMs);
    if (outcome !== 'failed' && this.#owed.get(key) === version) this.#owed.delete(key);
    return outcome !== 'failed';
  }
}

function zeroCounters(): CollectionsStoreCounters {
  return Object.fromEntries(
    collectionsStoreCounterNames.map((name) => [name, 0]),
  ) as CollectionsStoreCounters;
}

function encode(kind: Kind, version: number, bytes?: Buffer): Buffer {
  const head = Buffer.from(`${String(version).padStart(headBytes - 1, '0')}${kind}`, 'latin1');
  return bytes ? Buffer.concat([head, bytes]) : head;
}

function decode(record: Buffer): (StoredValue & { readonly isTombstone: boolean }) | undefined {
  const [, digits, kind] = headPattern.exec(record.toString('latin1', 0, headBytes)) ?? [];
  if (digits === undefined) return undefined;
  const bytes = kind === 'v' ? record.subarray(headBytes) : undefined;
  return { version: Number(digits), bytes, isTombstone: kind === 't' };
}

/** The whole key is its tag, so that keys lie apart; what is no tag, or too long for the engine, by its hash. */
function tagOf(key: string): string {
  return plainPattern.test(key) ? key : `#${createHash('sha256').update(key).digest('base64url')}`;
}

function keyOf(tag: string): string {
  return `cache:{${tag}}`;
}

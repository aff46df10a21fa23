import type { Clock } from '../clock/index.ts';
import { invariant } from '../error/index.ts';
import type { Bus } from './bus-types.ts';
import { bufferOf, listOf, numberOf, type Engine } from './engine.ts';
import { Gate } from './gate.ts';
import type { Hashes, Lists, Ranks, Sets } from './group-types.ts';
import { hashesOf, listsOf, ranksOf, setsOf, type GroupOptions } from './groups.ts';
import { LargestKeys } from './largest-keys.ts';
import {
  assertBatch,
  assertKey,
  assertTag,
  assertTtl,
  assertValue,
  keyBytesMax,
  valueBytesMax,
} from './limits.ts';
import { SizeKeeper } from './size-keeper.ts';
import type { Telemetry } from './telemetry.ts';
import type { Capabilities, Collections, LargeKey, Script, ScriptAnswer, ScriptCall } from './types.ts';
import { WriteLimit } from './write-limit.ts';

export interface CollectionsBounds {
  /** Writes to one key each second from this process. */
  readonly writesPerSecondMax: number;
  /** Elements of one hash, rank, set or list. */
  readonly elementsMax: number;
  /** Chance with which an added element is a reason to look at the size of its key. */
  readonly lookChance?: number;
}

export interface EngineCollectionsOptions {
  readonly engine: Engine;
  readonly bus: Bus;
  /** What closes with it. */
  readonly resources: AsyncDisposableStack;
  readonly bounds: CollectionsBounds;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Increments and starts the TTL with the first, in one step: between two a crash would leave a key for ever. */
const incrementWithTtl: Script = {
  name: 'increment',
  lua: `local number = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return number`,
  run: ([key], [by, ttlMs], store) => store.increment(key, Number(by), Number(ttlMs)),
};

/** The port over any engine. */
export class EngineCollections implements Collections {
  readonly capabilities: Capabilities;
  readonly bus: Bus;
  readonly hashes: Hashes;
  readonly ranks: Ranks;
  readonly sets: Sets;
  readonly lists: Lists;
  readonly #gate: Gate;
  readonly #largest = new LargestKeys();
  readonly #resources: AsyncDisposableStack;

  constructor(options: EngineCollectionsOptions) {
    const { engine, bus, bounds, telemetry, clock } = options;
    const { writesPerSecondMax, elementsMax, lookChance = 1 / 64 } = bounds;
    this.#resources = options.resources;
    this.bus = bus;
    this.capabilities = { valueBytesMax, keyBytesMax, entriesMax: elementsMax, multiKeyScope: 'tag' };
    const writeLimit = new WriteLimit({ perSecond: writesPerSecondMax, clock });
    const gate = new Gate({ engine, writeLimit, telemetry, clock });
    const largest = this.#largest;
    const sizes = new SizeKeeper({ gate, elementsMax, lookChance, largest, telemetry, clock });
    const group: GroupOptions = { gate, sizes, largest, telemetry, elementsMax };
    this.#gate = gate;
    this.hashes = hashesOf(group);
    this.ranks = ranksOf(group);
    this.sets = setsOf(group);
    this.lists = listsOf(group);
    telemetry.watch({ isUp: () => engine.isUp, largestKeys: () => this.largestKeys() });
  }

  async get(key: string): Promise<Buffer | undefined> {
    return bufferOf(await this.#gate.run('GET', [key]));
  }

  async getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    if (keys.length === 0) return [];
    assertBatch(keys.length);
    for (const key of keys) assertKey(key);
    return listOf(await this.#gate.run('MGET', [keys[0], ...keys.slice(1)])).map(bufferOf);
  }

  async set(key: string, value: Uint8Array, ttlMs?: number): Promise<void> {
    assertValue(key, value);
    if (ttlMs === undefined) await this.#gate.run('SET', [key, value]);
    else {
      assertTtl(ttlMs);
      await this.#gate.run('SET', [key, value, 'PX', Math.ceil(ttlMs)]);
    }
    this.#largest.note(key, 'value', value.byteLength);
  }

  async delete(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    assertBatch(keys.length);
    for (const key of keys) {
      assertKey(key);
      this.#largest.forget(key);
    }
    await this.#gate.run('DEL', [keys[0], ...keys.slice(1)]);
  }

  async increment(key: string, by: number, ttlMs?: number): Promise<number> {
    invariant(Number.isSafeInteger(by), 'a counter grows by whole numbers');
    if (ttlMs === undefined) return numberOf(await this.#gate.run('INCRBY', [key, by]));
    assertKey(key);
    assertTtl(ttlMs);
    const args = [String(by), String(Math.ceil(ttlMs))];
    return numberOf(await this.#gate.script(incrementWithTtl, { keys: [key], args }));
  }

  async expire(key: string, ttlMs: number): Promise<boolean> {
    assertTtl(ttlMs);
    return numberOf(await this.#gate.run('PEXPIRE', [key, Math.ceil(ttlMs)])) === 1;
  }

  async script(script: Script, tag: string, call: ScriptCall): Promise<ScriptAnswer> {
    const { keys, args } = call;
    assertTag(tag, keys);
    assertBatch(keys.length);
    for (const argument of args) if (typeof argument !== 'string') assertValue(keys[0], argument);
    return this.#gate.script(script, call);
  }

  largestKeys(): readonly LargeKey[] {
    return this.#largest.list();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

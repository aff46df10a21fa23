import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { collectionsSection, type CollectionsConfig } from './config.ts';
import { openCollections } from './open.ts';
import { conform } from './conformance.ts';
import type { Collections, Script } from './types.ts';

/** What an adapter brings to be tested: settings of a real engine. */
export interface CollectionsFixture extends AsyncDisposable {
  readonly config: Partial<CollectionsConfig>;
}

interface Tools {
  readonly shared: () => Collections;
  readonly open: (config?: Partial<CollectionsConfig>) => Promise<Collections>;
  /** A key that no other test has. */
  readonly key: (name: string) => string;
}

/** Settings of an engine with all defaults. */
export function configOf(config: Partial<CollectionsConfig>): CollectionsConfig {
  return collectionsSection.schema.parse(config);
}

/** As a process opens them, silent. */
export function openForTest(config: Partial<CollectionsConfig>): Promise<Collections> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  return openCollections({
    config: configOf(config),
    clock: systemClock,
    logger,
    metrics: createMetrics('test'),
  });
}

/** Goal: the same promises from every engine. Method: one list of operations over a real engine. */
export function collectionsContract(name: string, start: () => Promise<CollectionsFixture>): void {
  describe(`collections contract: ${name}`, () => {
    let fixture: CollectionsFixture;
    let shared: Collections;
    const opened: Collections[] = [];
    let serial = 0;
    const open = async (config: Partial<CollectionsConfig> = {}): Promise<Collections> => {
      const collections = await openForTest({ ...fixture.config, ...config });
      opened.push(collections);
      return collections;
    };
    beforeAll(async () => {
      fixture = await start();
      shared = await open();
    }, 60_000);
    afterAll(async () => {
      await Promise.all(opened.map((collections) => collections[Symbol.asyncDispose]()));
      await fixture[Symbol.asyncDispose]();
    });
    const tools: Tools = { shared: () => shared, open, key: (key) => `${key}:${process.pid}:${++serial}` };
    valueTests(tools);
    groupTests(tools);
    scriptTests(tools);
    boundTests(tools);
    busTests(tools);
    test('does as the embedded engine does, in 400 random operations', { timeout: 30_000 }, async () => {
      await using embedded = await openForTest({ engine: 'memory', writesPerSecondMax: 1_000_000 });
      const tested = await open({ writesPerSecondMax: 1_000_000 });
      await conform({ expected: embedded, tested, prefix: tools.key('conform'), operations: 400 });
    });
  });
}

const bytes = Buffer.from([0, 13, 10, 255, 128, 36, 42, 0]);

function valueTests({ shared, key }: Tools): void {
  test('values are bytes, in the order of the keys, gone when deleted', async () => {
    const [one, two, none] = [key('value'), key('value'), key('value')];
    await shared().set(one, bytes);
    await shared().set(two, Buffer.alloc(0));
    expect(await shared().get(one)).toEqual(bytes);
    expect(await shared().getMany([none, two, one])).toEqual([undefined, Buffer.alloc(0), bytes]);
    await shared().delete([one, two]);
    expect(await shared().getMany([one, two])).toEqual([undefined, undefined]);
    expect(await shared().getMany([])).toEqual([]);
  });

  test('a value of a megabyte passes, 512 keys at once too', async () => {
    const large = Buffer.alloc(1024 * 1024, 7);
    const name = key('large');
    await shared().set(name, large);
    expect((await shared().get(name))?.equals(large)).toBe(true);
    const keys = Array.from({ length: 512 }, (_, index) => `${name}:${index}`);
    await Promise.all(keys.map((each, index) => shared().set(each, Buffer.from(String(index)))));
    expect((await shared().getMany(keys)).map(String)).toEqual(keys.map((_, index) => String(index)));
    await shared().delete([name, ...keys.slice(1)]);
  });

  test('a TTL ends a key, a new value without one keeps it', async () => {
    const [short, renewed] = [key('ttl'), key('ttl')];
    await shared().set(short, bytes, 60);
    await shared().set(renewed, bytes, 60);
    await shared().set(renewed, bytes);
    await vi.waitFor(async () => expect(await shared().get(short)).toBeUndefined());
    expect(await shared().get(renewed)).toEqual(bytes);
    expect(await shared().expire(renewed, 30)).toBe(true);
    await vi.waitFor(async () => expect(await shared().get(renewed)).toBeUndefined());
    expect(await shared().expire(renewed, 30)).toBe(false);
  });

  test('a counter counts for all, and its TTL begins with the first increment', async () => {
    const [counter, window] = [key('count'), key('count')];
    const many = Array.from({ length: 50 }, () => shared().increment(counter, 2));
    expect((await Promise.all(many)).toSorted((a, b) => a - b).at(-1)).toBe(100);
    expect(await shared().increment(counter, -100)).toBe(0);
    const begunMs = performance.now();
    let last = 0;
    // Each increment is within the TTL of the one before; were it renewed by them, the count would never begin anew.
    await vi.waitFor(
      async () => {
        const count = await shared().increment(window, 1, 300);
        const begins = count <= last;
        last = count;
        expect(begins).toBe(true);
      },
      { interval: 20, timeout: 5000 },
    );
    expect(performance.now() - begunMs).toBeGreaterThan(250);
  });

  test('a key holds one kind of data', async () => {
    const name = key('kind');
    await shared().hashes.set(name, { field: bytes });
    const wrong = { code: 'KEY_WRONG_KIND' };
    await expect(shared().get(name)).rejects.toMatchObject(wrong);
    await expect(shared().increment(name, 1)).rejects.toMatchObject(wrong);
    await expect(shared().ranks.increment(name, 'a', 1)).rejects.toMatchObject(wrong);
    await expect(shared().lists.push(name, [bytes])).rejects.toMatchObject(wrong);
    await expect(shared().sets.add(name, ['a'])).rejects.toMatchObject(wrong);
    await expect(shared().hashes.increment(name, 'field', 1)).rejects.toMatchObject(wrong);
    await shared().set(name, bytes);
    await expect(shared().increment(name, 1)).rejects.toMatchObject(wrong);
    expect(await shared().get(name)).toEqual(bytes);
  });
}

function groupTests({ shared, key }: Tools): void {
  test('a hash keeps fields, counts in them, and goes with the last', async () => {
    const name = key('hash');
    const { hashes } = shared();
    await hashes.set(name, { a: bytes, b: Buffer.from('2'), 'c d': Buffer.alloc(0) });
    expect(await hashes.get(name, 'a')).toEqual(bytes);
    expect(await hashes.increment(name, 'b', 40)).toBe(42);
    expect(await hashes.getMany(name, ['c d', 'x', 'b'])).toEqual([
      Buffer.alloc(0),
      undefined,
      Buffer.from('42'),
    ]);
    expect([...(await hashes.getAll(name)).keys()].toSorted()).toEqual(['a', 'b', 'c d']);
    await hashes.delete(name, ['a', 'x']);
    expect(await hashes.size(name)).toBe(2);
    await hashes.delete(name, ['b', 'c d']);
    expect(await hashes.size(name)).toBe(0);
    expect(await shared().expire(name, 1000)).toBe(false);
  });

  test('a rank orders by score, then by bytes, highest first', async () => {
    const name = key('rank');
    const { ranks } = shared();
    await ranks.set(name, { anna: 10, bob: 5.5, '\u{1F600}': 10, '\uFF5E': 10, zoe: 10 });
    expect(await ranks.increment(name, 'bob', 0.25)).toBe(5.75);
    expect(await ranks.increment(name, 'new', -1)).toBe(-1);
    const top = await ranks.top(name, 10);
    expect(top.map(({ member }) => member)).toEqual(['\u{1F600}', '\uFF5E', 'zoe', 'anna', 'bob', 'new']);
    expect(await ranks.top(name, 2, 3)).toEqual([
      { member: 'anna', score: 10 },
      { member: 'bob', score: 5.75 },
    ]);
    expect(await ranks.rankOf(name, 'anna')).toBe(3);
    expect(await ranks.rankOf(name, 'nobody')).toBeUndefined();
    expect(await ranks.scoreOf(name, 'bob')).toBe(5.75);
    expect(await ranks.scoreOf(name, 'nobody')).toBeUndefined();
    expect(await ranks.countFrom(name, 10)).toBe(4);
    expect(await ranks.trim(name, 5)).toBe(1);
    expect(await ranks.removeBelow(name, 10)).toBe(1);
    await ranks.remove(name, ['zoe', 'nobody']);
    expect(await ranks.size(name)).toBe(3);
    expect(await ranks.top(name, 0)).toEqual([]);
    expect(await ranks.top(name, 5, 100)).toEqual([]);
  });

  test('a set has each member once', async () => {
    const name = key('set');
    const { sets } = shared();
    expect(await sets.add(name, ['a', 'b', 'a'])).toBe(2);
    expect(await sets.add(name, ['b', 'c'])).toBe(1);
    expect((await sets.members(name)).toSorted()).toEqual(['a', 'b', 'c']);
    await sets.remove(name, ['a', 'x']);
    expect([await sets.has(name, 'a'), await sets.has(name, 'b'), await sets.size(name)]).toEqual([
      false,
      true,
      2,
    ]);
  });

  test('a list keeps its newest values', async () => {
    const name = key('list');
    const { lists } = shared();
    const values = Array.from({ length: 30 }, (_, index) => Buffer.from([index, 0, 255]));
    expect(await lists.push(name, values.slice(0, 10))).toBe(10);
    expect(await lists.push(name, values.slice(10), 20)).toBe(20);
    expect(await lists.range(name, 0, 3)).toEqual(values.slice(10, 13));
    expect(await lists.range(name, -2, 2)).toEqual(values.slice(28));
    expect(await lists.range(name, -2, 10)).toEqual(values.slice(28));
    expect(await lists.range(name, 5, 1000)).toEqual(values.slice(15));
    await lists.trim(name, 4);
    expect(await lists.range(name, 0, 10)).toEqual(values.slice(26));
    await lists.trim(name, 0);
    expect(await lists.size(name)).toBe(0);
  });
}

/** Sets a value if the one that is there has a lower version. */
const newest: Script = {
  name: 'newest',
  lua: `local known = redis.call('GET', KEYS[2])
if known and tonumber(known) >= tonumber(ARGV[1]) then return { 0, known } end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'PX', 60000)
return { 1, false }`,
  run: ([value, version], [given, body], store) => {
    const known = store.get(version);
    if (known && Number(known) >= Number(given)) return [0, known];
    store.set(value, body);
    store.set(version, given, 60_000);
    return [1, null];
  },
};

function scriptTests({ shared, key }: Tools): void {
  test('a script is one step over keys of one tag, with bytes in and out', async () => {
    const tag = key('tag');
    const keys = [`{${tag}}:value`, `{${tag}}:version`];
    const run = (version: number) => shared().script(newest, tag, { keys, args: [String(version), bytes] });
    const answers = await Promise.all([5, 3, 9, 7].map(run));
    expect(answers.filter((answer) => (answer as number[])[0] === 1).length).toBeGreaterThanOrEqual(1);
    expect(await run(9)).toEqual([0, Buffer.from('9')]);
    expect(await shared().getMany(keys)).toEqual([bytes, Buffer.from('9')]);
  });

  test('a script without one tag for all keys is refused, as the fleet could not run it', async () => {
    const refused = { code: 'SCRIPT_KEYS' };
    const args = ['1', 'x'];
    for (const keys of [[], ['a', 'b'], ['{t}a', '{u}b'], ['{t}a', 'b'], ['{}{t}a', '{}{t}b']]) {
      await expect(shared().script(newest, 't', { keys, args })).rejects.toMatchObject(refused);
    }
  });

  test('a script that fails is SCRIPT_FAILED, and the next one runs', async () => {
    const fails: Script = {
      name: 'fails',
      lua: `return redis.call('GET', KEYS[1]) .. error('no')`,
      run: () => {
        throw new Error('no');
      },
    };
    const call = { keys: ['{f}a'], args: [] };
    await expect(shared().script(fails, 'f', call)).rejects.toMatchObject({ code: 'SCRIPT_FAILED' });
    const fine: Script = { name: 'fine', lua: `return 4.75`, run: () => 4.75 };
    expect(await shared().script(fine, 'f', call)).toBe(4);
  });
}

function boundTests({ shared, open, key }: Tools): void {
  test('keys and values above their bounds are refused', async () => {
    const tooLarge = { code: 'VALUE_TOO_LARGE' };
    const over = Buffer.alloc(shared().capabilities.valueBytesMax + 1);
    await expect(shared().set(key('over'), over)).rejects.toMatchObject(tooLarge);
    await expect(shared().hashes.set(key('over'), { over })).rejects.toMatchObject(tooLarge);
    await expect(shared().lists.push(key('over'), [over])).rejects.toMatchObject(tooLarge);
    for (const bad of ['', 'x'.repeat(513), 'ü'.repeat(257)]) {
      await expect(shared().get(bad)).rejects.toMatchObject({ code: 'KEY_INVALID' });
      await expect(shared().sets.add(key('set'), [bad])).rejects.toMatchObject({ code: 'KEY_INVALID' });
    }
    const longest = 'ü'.repeat(256);
    await shared().set(longest, bytes, 1000);
    expect(await shared().get(longest)).toEqual(bytes);
  });

  test('a key that is written too often is limited, others are not', async () => {
    const collections = await open({ writesPerSecondMax: 20 });
    const name = key('hot');
    const writes = Array.from({ length: 60 }, () => collections.increment(name, 1));
    const results = await Promise.allSettled(writes);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(30);
    expect(refused[0].reason).toMatchObject({ code: 'WRITE_LIMITED' });
    expect(await collections.increment(key('cold'), 1)).toBe(1);
    await vi.waitFor(() => collections.increment(name, 1));
  });

  test('a rank above the bound loses its lowest, a set refuses, both are reported', async () => {
    const collections = await open({ elementsMax: 100, writesPerSecondMax: 100_000 });
    const [rank, set, ring] = [key('rank'), key('set'), key('ring')];
    const scores = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`m${index}`, index]));
    await collections.ranks.set(rank, scores);
    await vi.waitFor(async () => expect(await collections.ranks.size(rank)).toBe(100));
    expect(await collections.ranks.rankOf(rank, 'm399')).toBe(0);
    await vi.waitFor(async () => {
      const members = Array.from({ length: 200 }, (_, index) => `${Math.random()}:${index}`);
      await expect(collections.sets.add(set, members)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
    });
    await collections.sets.remove(set, await collections.sets.members(set));
    await vi.waitFor(() => collections.sets.add(set, ['room']), { timeout: 3000 });
    await collections.lists.push(
      ring,
      Array.from({ length: 150 }, () => bytes),
    );
    expect(await collections.lists.size(ring)).toBe(100);
    const reported = collections.largestKeys().map((large) => large.key);
    expect(reported).toEqual(expect.arrayContaining([rank, set, ring]));
  });
}

function busTests({ shared, key }: Tools): void {
  test('messages come to all who listen, in order, as bytes', async () => {
    const [channel, other] = [key('channel'), key('channel')];
    const seen: Buffer[][] = [[], []];
    const listen = (into: Buffer[], on: string) =>
      shared().bus.subscribe(on, { onMessage: (message) => void into.push(message), onGap: () => undefined });
    await using one = await listen(seen[0], channel);
    await using _two = await listen(seen[1], channel);
    await using _other = await listen([], other);
    expect(one.isFlowing).toBe(true);
    const { epoch } = one;
    const messages = Array.from({ length: 100 }, (_, index) => Buffer.from([index, 0, 255]));
    for (const message of messages) await shared().bus.publish(channel, message);
    await shared().bus.publish(other, bytes);
    await vi.waitFor(() => expect(seen).toEqual([messages, messages]));
    expect(one.epoch).toBe(epoch);
  });

  test('who has left hears nothing; a message that is too large is refused', async () => {
    const channel = key('channel');
    const seen: string[] = [];
    const listener = {
      onMessage: (message: Buffer) => void seen.push(String(message)),
      onGap: () => undefined,
    };
    const first = await shared().bus.subscribe(channel, listener);
    await shared().bus.publish(channel, Buffer.from('before'));
    await vi.waitFor(() => expect(seen).toEqual(['before']));
    await first[Symbol.asyncDispose]();
    await shared().bus.publish(channel, Buffer.from('between'));
    await using _again = await shared().bus.subscribe(channel, listener);
    await shared().bus.publish(channel, Buffer.from('after'));
    await vi.waitFor(() => expect(seen).toEqual(['before', 'after']));
    const large = shared().bus.publish(channel, Buffer.alloc(65 * 1024));
    await expect(large).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
  });
}

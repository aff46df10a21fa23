import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import type { Collections } from '../collections/index.ts';
import { openForTest } from '../collections/contract.ts';
import { createMetrics } from '../metrics/index.ts';
import { Caches } from './caches.ts';
import { CollectionsValueStore } from './collections-store.ts';
import { cacheSection } from './config.ts';
import { MemoryValueStore } from './memory.ts';
import type { CacheBounds, Sourced, TieredCache } from './tiered-cache.ts';

/** A source with versions, and how often each key was read. */
class Rows {
  readonly rows = new Map<string, { version: number; value: string | undefined }>();
  readonly reads: string[] = [];
  isDown = false;
  gate: Promise<unknown> | undefined;

  write(key: string, value: string | undefined): number {
    const version = (this.rows.get(key)?.version ?? 0) + 1;
    this.rows.set(key, { version, value });
    return version;
  }

  load = async (keys: readonly string[]): Promise<Sourced<string>[]> => {
    this.reads.push(...keys);
    const answers = keys.map((key) => this.rows.get(key) ?? { version: 0, value: undefined });
    await this.gate;
    if (this.isDown) throw new Error('down');
    return answers.map((answer, index) => (keys[index] === 'bad' ? new Error('bad') : answer));
  };
}

let opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.toReversed()) await each[Symbol.asyncDispose]();
  opened = [];
});

interface Fleet {
  readonly rows: Rows;
  readonly clock: ManualClock;
  readonly caches: readonly TieredCache<string>[];
  readonly collections: Collections;
  readonly store: MemoryValueStore;
}

/** Several processes' caches of one source over one store and one bus. */
async function fleet(size: number, bounds: Partial<CacheBounds> = {}): Promise<Fleet> {
  const clock = new ManualClock();
  const collections = await openForTest({ engine: 'memory' });
  const store = new MemoryValueStore({ clock, bytesMax: 10_000_000 });
  opened.push(collections, store);
  const rows = new Rows();
  const caches = Array.from({ length: size }, (_, index) => {
    const processId = `process-${index}`;
    const config = cacheSection.schema.parse({});
    const process = new Caches({
      config,
      processId,
      clock,
      metrics: createMetrics(processId),
      store,
      collections,
    });
    opened.push(process);
    return process.open<string>({ name: 'row', load: rows.load, bounds });
  });
  await expect.poll(() => caches.every((cache) => cache.isHeard)).toBe(true);
  return { rows, clock, caches, collections, store };
}

test('ten thousand misses of one key in ten processes are one read of the source', async () => {
  const { rows, caches } = await fleet(10);
  rows.write('a', 'one');
  rows.gate = delay(50);
  const reads = Array.from({ length: 10_000 }, (_, index) => caches[index % 10].get('a'));
  expect(new Set(await Promise.all(reads))).toEqual(new Set(['one']));
  expect(rows.reads).toEqual(['a']);
});

test('what there is not is known in all levels as well, for its own time', async () => {
  const { rows, caches, clock } = await fleet(2);
  expect(await caches[0].get('none')).toBeUndefined();
  expect(await caches[1].get('none')).toBeUndefined();
  expect(await caches[1].get('none')).toBeUndefined();
  expect(rows.reads).toEqual(['none']);
  clock.advance(1000);
  rows.write('none', 'some');
  expect(await caches[0].get('none')).toBe('some');
});

test('many keys are one read of each level, and one bad key fails alone', async () => {
  const { rows, caches, store } = await fleet(2);
  const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
  for (const key of keys) rows.write(key, `of ${key}`);
  await caches[0].getMany(keys.slice(0, 250));
  const get = vi.spyOn(store, 'get');
  const load = vi.spyOn(rows.reads, 'push');
  expect(await caches[1].getMany(keys)).toEqual(keys.map((key) => `of ${key}`));
  expect(get.mock.calls[0][0]).toHaveLength(500);
  expect(load.mock.calls.map((call) => call.length)).toEqual([250]);
  const settled = await Promise.allSettled([caches[0].get('bad'), caches[0].get('k499')]);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
});

test('after an invalidation no process answers what was there before, whoever filled late', async () => {
  const { rows, caches } = await fleet(3);
  rows.write('a', 'one');
  for (const cache of caches) expect(await cache.get('a')).toBe('one');
  const gate = Promise.withResolvers<void>();
  const { late } = await fleetLate(rows, caches[2], gate.promise);
  await caches[0].invalidate('a', rows.write('a', 'two'));
  expect(await caches[0].get('a')).toBe('two');
  await expect.poll(() => caches[1].get('a')).toBe('two');
  gate.resolve();
  await late;
  for (const cache of caches) expect(await cache.get('a')).toBe('two');
  expect(await caches[2].get('late')).toBe('new');
});

/** A fill of `late` by one process that has read the source, and stores only after the row has changed. */
async function fleetLate(
  rows: Rows,
  cache: TieredCache<string>,
  gate: Promise<void>,
): Promise<{ late: Promise<unknown> }> {
  rows.write('late', 'old');
  rows.gate = gate;
  const late = cache.get('late');
  await expect.poll(() => rows.reads).toContain('late');
  rows.gate = undefined;
  await cache.invalidate('late', rows.write('late', 'new'));
  return { late };
}

test('a value that another process made newer is never replaced by an older one', async () => {
  const { rows, caches } = await fleet(2);
  rows.write('a', 'one');
  const gate = Promise.withResolvers<void>();
  rows.gate = gate.promise;
  const early = caches[0].get('a');
  await expect.poll(() => rows.reads).toEqual(['a']);
  rows.gate = undefined;
  await caches[1].invalidate('a', rows.write('a', 'two'));
  expect(await caches[1].get('a')).toBe('two');
  gate.resolve();
  expect(await early).toBe('one');
  expect(await caches[0].get('a')).toBe('two');
  expect(await caches[1].get('a')).toBe('two');
});

test('while the source is down what was there is answered, and what was changed is not', async () => {
  const { rows, caches, clock } = await fleet(1, { ttlMs: 100, revalidateMsMax: 0, sharedTtlMs: 100 });
  rows.write('a', 'one');
  rows.write('b', 'one');
  await caches[0].getMany(['a', 'b']);
  clock.advance(200);
  rows.isDown = true;
  await caches[0].invalidate('b', rows.write('b', 'two'));
  expect(await caches[0].get('a')).toBe('one');
  await expect(caches[0].get('b')).rejects.toThrow('down');
});

test('without a shared level a process stands alone, and what it did not hear it forgets soon', async () => {
  const clock = new ManualClock();
  const rows = new Rows();
  const config = cacheSection.schema.parse({});
  const parts = { config, clock };
  await using one = new Caches({ ...parts, processId: 'one', metrics: createMetrics('one') });
  await using two = new Caches({ ...parts, processId: 'two', metrics: createMetrics('two') });
  const [a, b] = [one, two].map((each) => each.open<string>({ name: 'row', load: rows.load }));
  rows.write('a', 'one');
  expect([await a.get('a'), await b.get('a')]).toEqual(['one', 'one']);
  await a.invalidate('a', rows.write('a', 'two'));
  expect([await a.get('a'), await b.get('a')]).toEqual(['two', 'one']);
  clock.advance(1000);
  expect([await a.get('a'), await b.get('a')]).toEqual(['two', 'two']);
});

test('a shared level that is away costs only itself', async () => {
  const clock = new ManualClock();
  const rows = new Rows();
  const collections = await openForTest({ engine: 'redis', address: '127.0.0.1:1', timeoutMs: 20 });
  opened.push(collections);
  const store = new CollectionsValueStore(collections);
  const config = cacheSection.schema.parse({});
  const metrics = createMetrics('alone');
  await using caches = new Caches({ config, clock, store, collections, processId: 'alone', metrics });
  const cache = caches.open<string>({ name: 'row', load: rows.load });
  rows.write('a', 'one');
  expect(await cache.get('a')).toBe('one');
  await cache.invalidate('a', rows.write('a', 'two'));
  expect(await cache.get('a')).toBe('two');
  expect(cache.isHeard).toBe(false);
});

test('keys are loaded before they are asked for', async () => {
  const { rows, caches } = await fleet(1);
  const keys = Array.from({ length: 1300 }, (_, index) => `k${index}`);
  for (const key of keys) rows.write(key, key);
  expect(await caches[0].warm([...keys, 'none', 'bad'])).toBe(1300);
  const before = rows.reads.length;
  await caches[0].getMany(keys.slice(0, 512));
  expect(rows.reads.length).toBe(before);
});

test('a key hot in one process is hot in all: pinned, in copies, and limited', async () => {
  const hot = { readsPerSecond: 1000, pin: true, copies: 4, loadsPerSecondMax: 2 };
  const { rows, caches, clock, store } = await fleet(3, {
    hot,
    entriesMax: 4,
    ttlMs: 1000,
    revalidateMsMax: 0,
  });
  rows.write('star', 'one');
  for (let read = 0; read < 400; read++) await caches[0].get('star');
  clock.advance(100);
  await vi.waitFor(() => {
    for (const cache of caches) expect(cache.hotKeys().map(({ key }) => key)).toEqual(['star']);
  }, 10_000);
  for (const cache of caches.slice(1)) await cache.get('star');
  for (let index = 0; index < 50; index++) await caches[1].get(`other-${index}`);
  expect(caches[1].peek('star')).toBe('one');

  await caches[0].invalidate('star', rows.write('star', 'two'));
  await expect.poll(() => caches[2].get('star')).toBe('two');
  const set = vi.spyOn(store, 'set');
  for (let copy = 0; copy < 4; copy++) await store.invalidate(`row:${copy}:star`, 2);
  const copies = await store.get([0, 1, 2, 3].map((copy) => `row:${copy}:star`));
  expect(copies.map((copy) => copy?.bytes?.toString())).toEqual(Array(4).fill('"two"'));
  set.mockRestore();
});

test('reads of a hot key beyond its rate get what is there, or are refused', async () => {
  const hot = { readsPerSecond: 100, pin: false, copies: 1, loadsPerSecondMax: 2 };
  const { rows, caches, clock } = await fleet(1, { hot, ttlMs: 10, revalidateMsMax: 0 });
  const [cache] = caches;
  rows.write('star', 'one');
  for (let read = 0; read < 100; read++) await cache.get('star');
  clock.advance(100);
  await expect.poll(() => cache.hotKeys()).toHaveLength(1);
  const before = rows.reads.length;
  for (let read = 0; read < 10; read++) {
    clock.advance(10);
    expect(await cache.get('star')).toBe('one');
  }
  expect(cache.counters.limited).toBeGreaterThan(5);
  expect(rows.reads.length - before).toBeLessThanOrEqual(2);
  await cache.invalidate('star', rows.write('star', 'two'));
  await expect(cache.get('star')).rejects.toMatchObject({ code: 'CACHE_BUSY' });
});

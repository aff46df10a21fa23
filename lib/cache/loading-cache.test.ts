import { expect, test } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import {
  LoadingCache,
  loadingCacheCounterNames,
  type LoadingCacheCounters,
  type LoadingCacheOptions,
} from './loading-cache.ts';

function cacheOf(options: Partial<LoadingCacheOptions<number | undefined>> = {}) {
  const clock = new ManualClock();
  return {
    clock,
    cache: new LoadingCache<string, number | undefined>({ clock, entriesMax: 3, ttlMs: 1000, ...options }),
  };
}

const zeroCounters = (): LoadingCacheCounters =>
  Object.fromEntries(loadingCacheCounterNames.map((name) => [name, 0])) as LoadingCacheCounters;

const down = (): Promise<number> => Promise.reject(new Error('down'));

test('a thousand readers of one key make one load, and a value lives for its time', async () => {
  const { cache, clock } = cacheOf();
  let loads = 0;
  const load = async () => ++loads;
  expect(new Set(await Promise.all(Array.from({ length: 1000 }, () => cache.get('a', load))))).toEqual(
    new Set([1]),
  );
  clock.advance(999);
  expect(await cache.get('a', load)).toBe(1);
  clock.advance(1);
  expect(await cache.get('a', load)).toBe(2);
});

test('beyond its bound the least recently read entry goes', async () => {
  const { cache } = cacheOf();
  for (const key of ['a', 'b', 'c']) await cache.get(key, async () => 1);
  await cache.get('a', down);
  await cache.get('d', async () => 1);
  expect(cache.size).toBe(3);
  expect(await cache.get('a', down)).toBe(1);
  await expect(cache.get('b', down)).rejects.toThrow('down');
});

test('while the source is down an older value is answered up to its bound', async () => {
  const { cache, clock } = cacheOf({ staleMsMax: 5000 });
  await cache.get('a', async () => 7);
  clock.advance(4999);
  expect(await cache.get('a', down)).toBe(7);
  clock.advance(1);
  await expect(cache.get('a', down)).rejects.toThrow('down');
});

test('a source that hangs does not hold up a reader who could have an older value', async () => {
  const { cache, clock } = cacheOf({ staleMsMax: 5000, staleWaitMs: 1 });
  await cache.get('a', async () => 7);
  clock.advance(2000);
  expect(await cache.get('a', () => new Promise<number>(() => {}))).toBe(7);
});

test('a load begun before a deletion is not kept after it', async () => {
  const { cache } = cacheOf();
  const gate = Promise.withResolvers<number>();
  const early = cache.get('a', () => gate.promise);
  cache.delete('a');
  gate.resolve(1);
  expect(await early).toBe(1);
  expect(await cache.get('a', async () => 2)).toBe(2);
});

test('values that are not kept are loaded again, loads beyond the bound are refused', async () => {
  const { cache } = cacheOf({ isKept: (value) => value !== undefined, loadsMax: 1 });
  expect(await cache.get('a', async () => undefined)).toBeUndefined();
  expect(await cache.get('a', async () => 3)).toBe(3);
  const gate = Promise.withResolvers<number>();
  const first = cache.get('b', () => gate.promise);
  await expect(cache.get('c', async () => 4)).rejects.toMatchObject({ code: 'CACHE_BUSY' });
  gate.resolve(5);
  expect(await first).toBe(5);
});

const versioned = (value: number | undefined, version: number) => async () => ({ value, version });

test('between its TTL and its bound an older value is answered at once and refreshed once behind it', async () => {
  const counters = zeroCounters();
  const { cache, clock } = cacheOf({ revalidateMsMax: 10_000, refreshesMax: 1, counters });
  await cache.get('a', async () => 1);
  await cache.get('b', async () => 1);
  clock.advance(5000);
  const gate = Promise.withResolvers<number>();
  let loads = 0;
  const load = () => (loads++, gate.promise);
  expect(await Promise.all([cache.get('a', load), cache.get('a', load), cache.get('b', load)])).toEqual([
    1, 1, 1,
  ]);
  expect(loads).toBe(1);
  expect(counters).toMatchObject({ revalidations: 3, refreshRefusals: 1 });
  gate.resolve(2);
  await expect.poll(() => cache.peek('a')).toBe(2);
  expect(cache.peek('b')).toBeUndefined();
});

test('a refresh that fails is not tried again by every reader', async () => {
  const { cache, clock } = cacheOf({ revalidateMsMax: 10_000, retryMs: 500 });
  await cache.get('a', async () => 1);
  clock.advance(2000);
  let tries = 0;
  const failing = () => (tries++, down());
  for (let read = 0; read < 5; read++) expect(await cache.get('a', failing)).toBe(1);
  expect(tries).toBe(1);
  clock.advance(500);
  expect(await cache.get('a', failing)).toBe(1);
  expect(tries).toBe(2);
});

test('lives that began together end apart, none later than the TTL', async () => {
  const { cache, clock } = cacheOf({ entriesMax: 1000, jitterShare: 0.5 });
  const keys = Array.from({ length: 1000 }, (_, index) => `${index}`);
  for (const key of keys) await cache.get(key, async () => 1);
  const alive = (): number => keys.filter((key) => cache.peek(key) !== undefined).length;
  clock.advance(499);
  expect(alive()).toBe(1000);
  clock.advance(250);
  expect(Math.abs(alive() - 500)).toBeLessThan(120);
  clock.advance(251);
  expect(alive()).toBe(0);
});

test('a scan of keys that do not exist evicts none that does, and is bounded itself', async () => {
  const counters = zeroCounters();
  const { cache, clock } = cacheOf({ negative: { entriesMax: 10, ttlMs: 100 }, counters });
  for (const key of ['a', 'b', 'c']) await cache.get(key, async () => 1);
  for (let index = 0; index < 1000; index++) await cache.get(`scan-${index}`, async () => undefined);
  expect(['a', 'b', 'c'].map((key) => cache.peek(key))).toEqual([1, 1, 1]);
  expect(counters.evictions).toBe(990);
  expect(await cache.get('scan-999', down)).toBeUndefined();
  expect(counters.negativeHits).toBe(1);
  clock.advance(100);
  expect(await cache.get('scan-999', async () => 5)).toBe(5);
  expect(cache.peek('scan-999')).toBe(5);
});

test('bytes are bounded; a value above the bound alone evicts nothing', async () => {
  const counters = zeroCounters();
  const { cache } = cacheOf({ entriesMax: 100, bytesMax: 100, sizeOf: (value) => value ?? 0, counters });
  for (const key of ['a', 'b', 'c']) await cache.get(key, async () => 30);
  expect(await cache.get('large', async () => 101)).toBe(101);
  expect(cache.bytes).toBe(90);
  await cache.get('d', async () => 30);
  expect([cache.bytes, cache.size]).toEqual([90, 3]);
  expect(counters).toMatchObject({ oversize: 1, evictions: 1 });
});

test('pinned keys are not evicted and are refreshed before their time; pins are bounded', async () => {
  const { cache, clock } = cacheOf({ pinsMax: 1 });
  expect([cache.pin('hot'), cache.pin('other')]).toEqual([true, false]);
  await cache.get('hot', async () => 1);
  for (let index = 0; index < 100; index++) await cache.get(`${index}`, async () => 0);
  clock.advance(750);
  expect(await cache.get('hot', async () => 2)).toBe(1);
  await expect.poll(() => cache.peek('hot')).toBe(2);
  cache.unpin('hot');
  for (let index = 0; index < 20; index++) await cache.get(`${index}`, async () => 0);
  expect(cache.peek('hot')).toBeUndefined();
});

test('an older version never takes the place of a newer one, nor stays after it was named', async () => {
  const { cache, clock } = cacheOf({ negative: { entriesMax: 10, ttlMs: 100 } });
  await cache.fill('a', versioned(7, 7));
  clock.advance(999);
  cache.deleteOlder('a', 7);
  expect(cache.peek('a')).toBe(7);
  cache.deleteOlder('a', 8);
  expect(cache.peek('a')).toBeUndefined();
  await cache.fill('a', versioned(undefined, 8));
  expect(await cache.fill('a', versioned(7, 7))).toBeUndefined();
  const gate = Promise.withResolvers<{ value: number; version: number }>();
  const early = cache.fill('b', () => gate.promise);
  cache.deleteOlder('b', 2);
  gate.resolve({ value: 1, version: 1 });
  expect(await early).toBe(1);
  expect(cache.peek('b')).toBeUndefined();
});

test('a source whose versions went back is believed once the newer value is too old to answer', async () => {
  const { cache, clock } = cacheOf();
  await cache.fill('a', versioned(9, 9));
  clock.advance(1000);
  expect(await cache.fill('a', versioned(3, 3))).toBe(3);
});

test('after a gap everything is loaded again before it is answered, and while it lasts what is old', async () => {
  const { cache, clock } = cacheOf({ staleMsMax: 60_000, revalidateMsMax: 60_000 });
  await cache.get('a', async () => 1);
  const gate = Promise.withResolvers<number>();
  const begunBefore = cache.get('b', () => gate.promise);
  cache.distrust();
  expect(await cache.get('b', async () => 2)).toBe(2);
  gate.resolve(1);
  expect(await begunBefore).toBe(1);
  expect(cache.peek('b')).toBe(2);
  expect(cache.peek('a')).toBeUndefined();
  expect(await cache.get('a', down)).toBe(1);
  expect(await cache.get('a', async () => 2)).toBe(2);

  cache.limitAge(100);
  clock.advance(99);
  expect(cache.peek('a')).toBe(2);
  clock.advance(1);
  expect(await cache.get('a', async () => 3)).toBe(3);
});

test('after a gap a source that hangs is waited for, while it lasts what is there is answered', async () => {
  const { cache, clock } = cacheOf({ staleMsMax: 60_000, staleWaitMs: 1 });
  const hang = () => new Promise<number>(() => {});
  await cache.get('a', async () => 1);
  cache.limitAge(100);
  clock.advance(200);
  expect(await cache.get('a', hang)).toBe(1);
  cache.distrust();
  const gate = Promise.withResolvers<number>();
  const waiting = cache.get('a', () => gate.promise);
  expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 20, 'waits'))])).toBe(
    'waits',
  );
  gate.resolve(2);
  expect(await waiting).toBe(2);
});

test('reads are told of in portions', async () => {
  const told = new Map<string, number>();
  const onReads = (key: string, reads: number): void => void told.set(key, (told.get(key) ?? 0) + reads);
  const cache = new LoadingCache<string, number>(
    { clock: new ManualClock(), entriesMax: 3, ttlMs: 1000 },
    onReads,
  );
  for (let read = 0; read < 100; read++) await cache.get('a', async () => 1);
  expect(told.get('a')).toBe(1 + 96);
});

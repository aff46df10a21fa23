import { expect, test } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { LoadingCache, type LoadingCacheOptions } from './index.ts';

function cacheOf(options: Partial<LoadingCacheOptions<number | undefined>> = {}) {
  const clock = new ManualClock();
  return {
    clock,
    cache: new LoadingCache<string, number | undefined>({ clock, entriesMax: 3, ttlMs: 1000, ...options }),
  };
}

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

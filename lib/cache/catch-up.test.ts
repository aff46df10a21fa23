import { afterEach, expect, test, vi } from 'vitest';
import { CatchUp } from './catch-up.ts';

/** Newest version that the process has heard of, by key. */
const heard = new Map<string, number>();
const invalidated: [string, number][] = [];
const counters = { caughtUp: 0, catchUpsDropped: 0 };
const within = { timeout: 5000, interval: 20 };

function open(): CatchUp {
  return new CatchUp({
    counters,
    isHeard: (key, version) => (heard.get(key) ?? 0) >= version,
    invalidate: async (key, version) => {
      invalidated.push([key, version]);
      heard.set(key, version);
    },
  });
}

afterEach(() => {
  heard.clear();
  invalidated.length = 0;
  Object.assign(counters, { caughtUp: 0, catchUpsDropped: 0 });
});

test('only what was not heard of meanwhile is invalidated, by its newest version, and once', async () => {
  using catchUp = open();
  heard.set('known', 3);
  catchUp.told('known', 3);
  for (const version of [1, 3, 2]) catchUp.told('killed', version);
  catchUp.told('slow', 5);
  heard.set('slow', 5);
  await vi.waitFor(() => expect(invalidated).toEqual([['killed', 3]]), within);
  catchUp.told('killed', 2);
  catchUp.told('last', 1);
  await vi.waitFor(() => expect(invalidated.at(-1)).toEqual(['last', 1]), within);
  expect(invalidated).toEqual([
    ['killed', 3],
    ['last', 1],
  ]);
  expect(counters).toEqual({ caughtUp: 2, catchUpsDropped: 0 });
});

test('of more changes than the bound the newest are dropped and counted', async () => {
  using catchUp = open();
  for (let index = 0; index < 8200; index++) catchUp.told(`key:${index}`, 1);
  expect(counters.catchUpsDropped).toBe(8);
  await vi.waitFor(() => expect(invalidated).toHaveLength(8192), within);
});

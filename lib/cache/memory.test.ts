import { expect, test } from 'vitest';
import { ManualClock, systemClock } from '../clock/index.ts';
import { valueStoreContract } from './contract.ts';
import { tombstoneMs } from './limits.ts';
import { MemoryValueStore } from './memory.ts';

valueStoreContract('memory', async () => {
  let store = newStore();
  return {
    open: async () => {
      if (store.isClosed) store = newStore();
      return store;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});

const newStore = () => new MemoryValueStore({ clock: systemClock, bytesMax: 16_000_000 });
const value = (version: number, size: number) => ({ version, bytes: Buffer.alloc(size) });

test('beyond its bytes what was read least recently goes', async () => {
  const store = new MemoryValueStore({ clock: new ManualClock(), bytesMax: 10_000 });
  for (let index = 0; index < 100; index++) {
    await store.set(`key${index}`, value(1, 1000), 60_000);
    await store.get(['key0']);
    expect(store.bytes).toBeLessThanOrEqual(10_000);
  }
  const [first, second, last] = await store.get(['key0', 'key1', 'key99']);
  expect([first, second, last].map((found) => found !== undefined)).toEqual([true, false, true]);
  expect(store.counters.evictions).toBeGreaterThan(90);
});

test('an invalidation is forgotten when no fill can be under way any more', async () => {
  const clock = new ManualClock();
  const store = new MemoryValueStore({ clock, bytesMax: 10_000 });
  await store.invalidate('key', 5);
  clock.advance(tombstoneMs - 1);
  expect(await store.set('key', value(4, 1), 60_000)).toBe(false);
  clock.advance(1);
  expect(await store.set('key', value(4, 1), 60_000)).toBe(true);
  expect(store.counters).toMatchObject({ olderRefused: 1 });
});

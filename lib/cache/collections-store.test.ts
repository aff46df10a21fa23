import { expect, test } from 'vitest';
import { openForTest } from '../collections/contract.ts';
import { CollectionsValueStore } from './collections-store.ts';
import { valueStoreContract } from './contract.ts';

valueStoreContract('collections in memory', async () => {
  const collections = await openForTest({ engine: 'memory', writesPerSecondMax: 1_000_000 });
  return {
    open: async () => new CollectionsValueStore(collections),
    [Symbol.asyncDispose]: () => collections[Symbol.asyncDispose](),
  };
});

test('what is no record of ours is not there, and is counted', async () => {
  await using collections = await openForTest({ engine: 'memory' });
  await using store = new CollectionsValueStore(collections);
  await collections.set('cache:{key}', Buffer.from('something else'));
  expect(await store.get(['key'])).toEqual([undefined]);
  expect(store.counters.damaged).toBe(1);
  expect(await store.set('key', { version: 1, bytes: Buffer.from('ours') }, 1000)).toBe(true);
  expect(await store.get(['key'])).toEqual([{ version: 1, bytes: Buffer.from('ours') }]);
});

test('an invalidation that the engine did not take is told again, and meanwhile nothing older is answered', async () => {
  await using collections = await openForTest({ engine: 'memory', writesPerSecondMax: 2 });
  await using store = new CollectionsValueStore(collections);
  await using other = new CollectionsValueStore(collections);
  await store.set('key', { version: 1, bytes: Buffer.from('old') }, 60_000);
  await store.set('key', { version: 1, bytes: Buffer.from('old') }, 60_000);
  await store.invalidate('key', 2);
  expect(store.counters.failures).toBe(1);
  expect(await store.get(['key'])).toEqual([undefined]);
  await expect.poll(() => other.get(['key'])).toEqual([undefined]);
  const setOld = () => other.set('key', { version: 1, bytes: Buffer.from('old') }, 60_000);
  // Two writes a second are let through, and one of them may be what this store owes.
  await expect.poll(setOld, { timeout: 8000, interval: 1100 }).toBe(false);
});

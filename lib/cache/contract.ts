import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { keysMax, valueBytesMax } from './limits.ts';
import type { StoredValue, ValueStore } from './types.ts';

/** What an adapter brings to be tested: a real engine, and stores of several processes on it. */
export interface ValueStoreFixture extends AsyncDisposable {
  /** Another process on the same values; the same store where processes share nothing. */
  open(): Promise<ValueStore>;
}

const ttlMs = 60_000;
const text = (version: number, content: string): StoredValue => ({ version, bytes: Buffer.from(content) });
const none: readonly unknown[] = [undefined];
let serial = 0;
/** A key that no other test uses. */
const newKey = (name = 'key'): string => `${name}:${++serial}`;

interface Tools {
  readonly open: () => Promise<ValueStore>;
}

/** Goal: the same promises from every engine. Method: stores of two processes over one real engine. */
export function valueStoreContract(name: string, start: () => Promise<ValueStoreFixture>): void {
  describe(`value store contract: ${name}`, () => {
    let fixture: ValueStoreFixture;
    let opened: AsyncDisposable[] = [];

    const open = async (): Promise<ValueStore> => {
      const store = await fixture.open();
      opened.push(store);
      return store;
    };

    beforeAll(async () => {
      fixture = await start();
    }, 60_000);
    afterEach(async () => {
      for (const store of opened) await store[Symbol.asyncDispose]();
      opened = [];
    });
    afterAll(() => fixture[Symbol.asyncDispose]());

    valueTests({ open });
    versionTests({ open });
    boundTests({ open });
    test(
      'what is answered follows a model, whatever is done in whatever order',
      () => followsModel(open),
      30_000,
    );
  });
}

function valueTests({ open }: Tools): void {
  test('what one process stores another one reads, in the order of the keys', async () => {
    const [one, two] = [await open(), await open()];
    const [a, b, c] = [newKey(), newKey(), newKey()];
    expect(await one.set(a, text(1, 'a'), ttlMs)).toBe(true);
    expect(await one.set(c, text(3, 'c'), ttlMs)).toBe(true);
    expect(await two.get([c, b, a, c])).toEqual([text(3, 'c'), undefined, text(1, 'a'), text(3, 'c')]);
    expect(await two.get([])).toEqual([]);
  });

  test('all bytes come back as they were, and empty, absent and unknown are three things', async () => {
    const store = await open();
    const [every, empty, absent, unknown] = [newKey(), newKey(), newKey(), newKey()];
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index & 0xff));
    await store.set(every, { version: 2 ** 53 - 1, bytes }, ttlMs);
    await store.set(empty, { version: 0, bytes: Buffer.alloc(0) }, ttlMs);
    await store.set(absent, { version: 2 ** 32, bytes: undefined }, ttlMs);
    expect(await store.get([every, empty, absent, unknown])).toEqual([
      { version: 2 ** 53 - 1, bytes },
      { version: 0, bytes: Buffer.alloc(0) },
      { version: 2 ** 32, bytes: undefined },
      undefined,
    ]);
  });

  test('any text is a key, and none is taken for another', async () => {
    const store = await open();
    const odd = ['', ' ', 'a b', 'a\r\nget b', '\0', 'ключ', '#', '💡', 'x'.repeat(250), 'x'.repeat(251)];
    const keys = odd.map((key) => newKey(key) + key);
    for (const [index, key] of keys.entries()) await store.set(key, text(1, `of ${index}`), ttlMs);
    expect(await store.get(keys)).toEqual(keys.map((_, index) => text(1, `of ${index}`)));
  });

  test('a value is gone after its time', async () => {
    const store = await open();
    const [short, long] = [newKey(), newKey()];
    await store.set(short, text(1, 'short'), 300);
    await store.set(long, text(1, 'long'), ttlMs);
    await vi.waitFor(async () => expect(await store.get([short])).toEqual(none), {
      timeout: 5000,
      interval: 50,
    });
    expect(await store.get([long])).toEqual([text(1, 'long')]);
  });

  test('a closed store answers nothing and does not fail', async () => {
    const store = await open();
    const key = newKey();
    await store.set(key, text(1, 'a'), ttlMs);
    await store[Symbol.asyncDispose]();
    expect(await store.get([key])).toEqual(none);
    expect(await store.set(key, text(2, 'b'), ttlMs)).toBe(true);
    await store.invalidate(key, 3);
  });
}

function versionTests({ open }: Tools): void {
  test('an older version is refused, the same and a newer one are stored', async () => {
    const store = await open();
    const key = newKey();
    await store.set(key, text(5, 'five'), ttlMs);
    expect(await store.set(key, text(4, 'four'), ttlMs)).toBe(false);
    expect(await store.get([key])).toEqual([text(5, 'five')]);
    expect(await store.set(key, text(5, 'five again'), ttlMs)).toBe(true);
    expect(await store.get([key])).toEqual([text(5, 'five again')]);
    expect(await store.set(key, { version: 6, bytes: undefined }, ttlMs)).toBe(true);
    expect(await store.get([key])).toEqual([{ version: 6, bytes: undefined }]);
  });

  test('a slow reader cannot store what it read before a change', async () => {
    const [reader, writer] = [await open(), await open()];
    const key = newKey();
    await writer.set(key, text(1, 'old'), ttlMs);
    await writer.invalidate(key, 2);
    expect(await reader.get([key])).toEqual(none);
    expect(await reader.set(key, text(1, 'old'), ttlMs)).toBe(false);
    expect(await reader.get([key])).toEqual(none);
    expect(await reader.set(key, text(2, 'new'), ttlMs)).toBe(true);
    expect(await writer.get([key])).toEqual([text(2, 'new')]);
  });

  test('an invalidation is remembered where nothing was stored, and its newest version counts', async () => {
    const store = await open();
    const key = newKey();
    await store.invalidate(key, 7);
    await store.invalidate(key, 5);
    expect(await store.set(key, text(6, 'six'), ttlMs)).toBe(false);
    expect(await store.set(key, text(7, 'seven'), ttlMs)).toBe(true);
  });

  test('an invalidation that comes late leaves what is as new as it', async () => {
    const store = await open();
    const key = newKey();
    await store.set(key, text(9, 'nine'), ttlMs);
    await store.invalidate(key, 9);
    await store.invalidate(key, 8);
    expect(await store.get([key])).toEqual([text(9, 'nine')]);
  });

  test('of many that write at once the newest version stays', async () => {
    const stores = [await open(), await open()];
    const key = newKey();
    const versions = [7, 3, 12, 1, 15, 9, 4, 14, 2, 11, 8, 13, 5, 10, 6];
    await Promise.all(
      versions.map((version, index) => stores[index % 2].set(key, text(version, `v${version}`), ttlMs)),
    );
    for (const store of stores) expect(await store.get([key])).toEqual([text(15, 'v15')]);
  });
}

function boundTests({ open }: Tools): void {
  test('the largest value is stored; a larger one is not, and hides what it would have replaced', async () => {
    const store = await open();
    const [largest, larger] = [newKey(), newKey()];
    await store.set(largest, { version: 1, bytes: Buffer.alloc(valueBytesMax, 7) }, ttlMs);
    const [stored] = await store.get([largest]);
    expect(stored?.bytes?.equals(Buffer.alloc(valueBytesMax, 7))).toBe(true);
    await store.set(larger, text(1, 'small'), ttlMs);
    expect(await store.set(larger, { version: 2, bytes: Buffer.alloc(valueBytesMax + 1) }, ttlMs)).toBe(true);
    expect(await store.get([larger])).toEqual(none);
    expect(await store.set(larger, text(1, 'small'), ttlMs)).toBe(false);
  });

  test('as many keys as the bound are read at once, one more is a bug', async () => {
    const store = await open();
    const keys = Array.from({ length: keysMax }, () => newKey());
    await Promise.all(keys.map((key, index) => store.set(key, text(index, key), ttlMs)));
    expect(await store.get(keys)).toEqual(keys.map((key, index) => text(index, key)));
    await expect(store.get([...keys, 'more'])).rejects.toThrow('invariant');
    await expect(store.set('key', text(-1, ''), ttlMs)).rejects.toThrow('invariant');
    await expect(store.invalidate('key', 0.5)).rejects.toThrow('invariant');
  });
}

type Step = {
  readonly kind: 'set' | 'absent' | 'invalidate' | 'get';
  readonly key: number;
  readonly version: number;
};

/** Steps one after the other by two processes; the model knows of each key the newest version and its value. */
async function followsModel(open: () => Promise<ValueStore>): Promise<void> {
  const stores = [await open(), await open()];
  const step = fc.record<Step>({
    kind: fc.constantFrom('set', 'absent', 'invalidate', 'get'),
    key: fc.nat(2),
    version: fc.nat(6),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const keys = [newKey(), newKey(), newKey()];
      const model = new Map<string, { version: number; value: StoredValue | undefined }>();
      for (const [index, { kind, key, version }] of steps.entries()) {
        await take({ store: stores[index % 2], model, key: keys[key] }, { kind, key, version });
      }
      expect(await stores[0].get(keys)).toEqual(keys.map((key) => model.get(key)?.value));
    }),
    { numRuns: 30 },
  );
}

interface Place {
  readonly store: ValueStore;
  readonly model: Map<string, { version: number; value: StoredValue | undefined }>;
  readonly key: string;
}

async function take({ store, model, key }: Place, { kind, version }: Step): Promise<void> {
  const known = model.get(key)?.version ?? -1;
  if (kind === 'get') {
    expect(await store.get([key])).toEqual([model.get(key)?.value]);
  } else if (kind === 'invalidate') {
    await store.invalidate(key, version);
    if (version > known) model.set(key, { version, value: undefined });
  } else {
    const value = { version, bytes: kind === 'set' ? Buffer.from(`v${version}`) : undefined };
    expect(await store.set(key, value, ttlMs)).toBe(version >= known);
    if (version >= known) model.set(key, { version, value });
  }
}

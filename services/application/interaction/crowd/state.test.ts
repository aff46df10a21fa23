import { ManualClock } from '@gala/lib/clock';
import type { Collections } from '@gala/lib/collections';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StateKeeper, type StateCounters } from './state-keeper.ts';
import { StateParts, versionsPerOwner } from './state-parts.ts';
import { openTestCollections } from './testing.ts';
import { readStored, stateKeyOf, writesOf } from './stored-state.ts';

let collections: Collections;
let rooms = 0;

beforeAll(async () => {
  collections = await openTestCollections();
});
afterAll(() => collections[Symbol.asyncDispose]());

const counters = (): StateCounters => ({ writes: 0, writesFailed: 0, loads: 0, loadsFailed: 0, unsound: 0 });

/** The collections, of which operations fail from the named one on; counted from 0. */
function failing(from: { at: number }): Pick<Collections, 'hashes' | 'expire'> {
  const guarded =
    <Args extends unknown[], Answer>(run: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      if (from.at-- <= 0) throw new Error('away');
      return run(...args);
    };
  const { hashes } = collections;
  return {
    expire: guarded((key, ttlMs) => collections.expire(key, ttlMs)),
    hashes: {
      ...hashes,
      getAll: guarded((key) => hashes.getAll(key)),
      set: guarded((key, values) => hashes.set(key, values)),
      delete: guarded((key, fields) => hashes.delete(key, fields)),
    },
  };
}

function keep(port: Pick<Collections, 'hashes' | 'expire'> = collections) {
  const counted = counters();
  const keeper = new StateKeeper({
    collections: port,
    clock: new ManualClock(),
    counters: counted,
    writeEveryMs: 3_600_000,
  });
  return { keeper, counters: counted };
}

const valuesOf = (state: StateParts) =>
  Object.fromEntries(state.above({}).map(({ name, value }) => [name, value]));

test('every change that is told has a version of its own, one after the other', () => {
  const state = new StateParts({ fence: 3 });
  const base = 3 * versionsPerOwner;
  state.set('announcement', { text: 'a' });
  state.set('announcement', { text: 'b' });
  state.set('mics', [1]);
  state.set('announcement', { text: 'c' });
  expect(state.takeChanged(0)).toEqual([
    { name: 'announcement', version: base + 1, stateVersion: base + 1, value: { text: 'c' } },
    { name: 'mics', version: base + 2, stateVersion: base + 2, value: [1] },
  ]);
  expect(state.version).toBe(base + 2);
  expect(state.takeChanged(0)).toEqual([]);
  expect(state.above({ announcement: base + 1 }).map(({ name }) => name)).toEqual(['mics']);
});

test('a value that somebody was told before the batch keeps its version; the next one has another', () => {
  const state = new StateParts({ fence: 1 });
  state.set('mics', 1);
  const [told] = state.above({});
  state.set('mics', 2);
  const [batched] = state.takeChanged(0);
  expect([told.value, batched.value]).toEqual([1, 2]);
  expect(batched.version).toBe(told.version + 1);
});

test('a part that nobody knows any more is answered as null, above what anybody has of it', () => {
  const state = new StateParts({ fence: 2 });
  const old = 1 * versionsPerOwner + 77;
  expect(state.above({ mics: old })).toEqual([
    { name: 'mics', version: state.version, stateVersion: state.version, value: null },
  ]);
  expect(state.version).toBeGreaterThan(old);
});

test('a room that is closed and opened again under the same lease goes on above its versions', async () => {
  const roomId = ++rooms;
  const { keeper } = keep();
  const state = await keeper.open({ roomId, fence: 4 });
  state.set('mics', 1);
  state.takeChanged(0);
  const closing = keeper.close(roomId, 'idle');
  const again = await keeper.open({ roomId, fence: 4 });
  expect(again.value('mics')).toBe(1);
  expect(again.takeChanged(0)[0].version).toBe(state.version + 1);
  await closing;
  await keeper[Symbol.asyncDispose]();
});

test('parts are bounded', () => {
  const state = new StateParts({ fence: 1 });
  for (let part = 0; part < 64; part++) state.set(`part-${part}`, part);
  expect(() => state.set('one more', 1)).toThrow(expect.objectContaining({ code: 'SIGNAL_INVALID' }));
  state.set('part-3', 'again');
  state.takeChanged(0);
  expect(() => state.set('one more', 1)).toThrow(expect.objectContaining({ code: 'SIGNAL_INVALID' }));
});

test('versions stay safe integers for 2 million owners', () => {
  expect(Number.isSafeInteger(2 ** 21 * versionsPerOwner - 1)).toBe(true);
});

test('the next owner has the state, in versions above all before', async () => {
  const roomId = ++rooms;
  const first = keep();
  const state = await first.keeper.open({ roomId, fence: 5 });
  state.set('announcement', { text: 'hello' });
  state.set('viewers', { count: 9, isApproximate: false });
  state.takeChanged(0);
  await first.keeper.close(roomId, 'idle');
  const second = keep();
  const taken = await second.keeper.open({ roomId, fence: 6 });
  expect(taken.takeChanged(0)).toEqual([
    {
      name: 'announcement',
      version: 6 * versionsPerOwner + 1,
      stateVersion: 6 * versionsPerOwner + 1,
      value: { text: 'hello' },
    },
  ]);
  await second.keeper.flush();
  const fields = [...(await collections.hashes.getAll(stateKeyOf(roomId))).keys()];
  expect(fields.sort()).toEqual(['6/value/announcement', '6/version/announcement', '6/whole']);
  await Promise.all([first, second].map(({ keeper }) => keeper[Symbol.asyncDispose]()));
});

test('an owner that has lost the room and writes on spoils nothing', async () => {
  const roomId = ++rooms;
  const [old, next, last] = [keep(), keep(), keep()];
  const stale = await old.keeper.open({ roomId, fence: 1 });
  const current = await next.keeper.open({ roomId, fence: 2 });
  current.set('mics', 'right');
  current.takeChanged(0);
  await next.keeper.flush();
  stale.set('mics', 'wrong');
  stale.takeChanged(0);
  await old.keeper.flush();
  expect(valuesOf(await opened(last.keeper, roomId, 3))).toEqual({ mics: 'right' });
  await Promise.all([old, next, last].map(({ keeper }) => keeper[Symbol.asyncDispose]()));
});

async function opened(keeper: StateKeeper, roomId: number, fence: number): Promise<StateParts> {
  const state = await keeper.open({ roomId, fence });
  state.takeChanged(0);
  return state;
}

test('while the collections are away the state goes on, and is written when they are back', async () => {
  const roomId = ++rooms;
  const before = keep();
  const written = await before.keeper.open({ roomId, fence: 1 });
  written.set('announcement', 'old');
  written.set('mics', 'old');
  written.takeChanged(0);
  await before.keeper.flush();
  const port = { at: 0 };
  const { keeper, counters: counted } = keep(failing(port));
  const state = await opened(keeper, roomId, 2);
  state.set('mics', 'new');
  state.takeChanged(0);
  await keeper.flush();
  expect(valuesOf(state)).toEqual({ mics: 'new' });
  expect(counted).toMatchObject({ loadsFailed: 2, writes: 0 });
  expect(keeper.waiting).toBe(1);
  port.at = Infinity;
  await keeper.flush();
  state.takeChanged(0);
  await keeper.flush();
  expect(valuesOf(state)).toEqual({ mics: 'new', announcement: 'old' });
  expect(keeper.waiting).toBe(0);
  const stored = readStored(await collections.hashes.getAll(stateKeyOf(roomId)));
  expect(Object.fromEntries(stored.values)).toEqual({ mics: 'new', announcement: 'old' });
  expect(stored).toMatchObject({ version: state.version, isSound: true });
  await Promise.all([before.keeper, keeper].map((each) => each[Symbol.asyncDispose]()));
});

test('the state of an ended room goes after an hour', async () => {
  const clock = new ManualClock();
  await using own = await openTestCollections(clock);
  const keeper = new StateKeeper({ collections: own, clock, counters: counters(), writeEveryMs: 3_600_000 });
  const state = await keeper.open({ roomId: 1, fence: 1 });
  state.set('mics', 1);
  state.takeChanged(0);
  await keeper.close(1, 'ended');
  expect(await own.hashes.size(stateKeyOf(1))).toBe(3);
  clock.advance(3_600_001);
  expect(await own.hashes.size(stateKeyOf(1))).toBe(0);
  await keeper[Symbol.asyncDispose]();
});

test('whichever write of whichever owner is the last, the next owner has each value once written whole', async () => {
  const change = fc.record({ name: fc.constantFrom('a', 'b/c', 'd'), value: fc.nat(99) });
  const owner = fc.record({ changes: fc.array(change, { minLength: 1, maxLength: 4 }), writes: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(owner, { minLength: 1, maxLength: 5 }), async (owners) => {
      const roomId = ++rooms;
      const known = new Map<string, number>();
      let version = 0;
      for (const [index, { changes, writes }] of owners.entries()) {
        const stored = readStored(await collections.hashes.getAll(stateKeyOf(roomId)));
        expect(stored.isSound).toBe(true);
        expect(Object.fromEntries(stored.values)).toEqual(Object.fromEntries(known));
        const state = new StateParts({ fence: index + 1 });
        state.load(stored.values);
        for (const { name, value } of changes) state.set(name, value);
        state.takeChanged(0);
        expect(state.version).toBeGreaterThan(version);
        version = state.version;
        const parts = state.takeUnwritten();
        for (const fields of writesOf(state.fence, parts).slice(0, writes)) {
          await collections.hashes.set(stateKeyOf(roomId), fields);
        }
        if (writes > 0) for (const { name, value } of parts) known.set(name, value as number);
      }
    }),
    { numRuns: 100 },
  );
});

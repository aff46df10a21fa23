import { setTimeout as delay } from 'node:timers/promises';
import { ManualClock } from '@gala/lib/clock';
import { expect, test } from 'vitest';
import { KeyedLoader, type KeyedLoaderOptions, type LoaderCounters } from './keyed-loader.ts';

interface Row {
  readonly key: number;
  readonly version: number;
}

function open(change: Partial<KeyedLoaderOptions<Row>> = {}) {
  const rows = new Map<number, Row>();
  const statements: { lane: string; keys: readonly number[] }[] = [];
  const counters: LoaderCounters = { asked: 0, joined: 0, absent: 0, statements: 0, keys: 0, refused: 0 };
  const clock = new ManualClock();
  const load = async (lane: string, keys: readonly number[]) => {
    statements.push({ lane, keys });
    await delay(1);
    return new Map(keys.flatMap((key) => (rows.has(key) ? [[key, rows.get(key)!] as const] : [])));
  };
  const laneOf = (key: number) => `s${key % 2}`;
  const bounds = { statementsMax: 2, keysPerStatementMax: 100, keysMax: 1000, absentMs: 250 };
  const loader = new KeyedLoader({ load, laneOf, clock, counters, ...bounds, ...change });
  const put = (key: number, version = 1) => rows.set(key, { key, version });
  return { loader, put, statements, counters, clock };
}

test('all who ask for a key at once share one statement, and get the same row', async () => {
  const { loader, put, statements, counters } = open();
  put(4);
  const answers = await Promise.all(Array.from({ length: 1000 }, () => loader.get(4)));
  expect(new Set(answers).size).toBe(1);
  expect(statements).toEqual([{ lane: 's0', keys: [4] }]);
  expect(counters).toMatchObject({ asked: 1000, joined: 999, statements: 1, keys: 1 });
});

test('keys of one turn go in one statement for each lane, no larger than its bound', async () => {
  const { loader, put, statements } = open();
  for (let key = 1; key <= 500; key++) put(key);
  const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => loader.get(index + 1)));
  expect(answers.map((row) => row?.key)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  expect(statements.map(({ keys }) => keys.length)).toEqual(
    Array.from({ length: 6 }, (_, index) => (index < 4 ? 100 : 50)),
  );
});

test('a lane has no more statements at once than it may; what comes meanwhile makes up the next', async () => {
  let running = 0;
  let most = 0;
  const load = async (_lane: string, keys: readonly number[]) => {
    most = Math.max(most, ++running);
    await delay(5);
    running--;
    return new Map(keys.map((key) => [key, { key, version: 1 }]));
  };
  const { loader, counters } = open({ load });
  const asked: Promise<unknown>[] = [];
  for (let key = 2; key <= 60; key += 2) {
    asked.push(loader.get(key));
    await delay(1);
  }
  await Promise.all(asked);
  expect(most).toBe(2);
  expect(counters.statements).toBeLessThan(30);
});

test('a lane that fails or hangs fails its own keys alone', async () => {
  const hang = Promise.withResolvers<never>();
  const load = (lane: string, keys: readonly number[]) =>
    lane === 's1' ? hang.promise : Promise.resolve(new Map(keys.map((key) => [key, { key, version: 1 }])));
  const { loader } = open({ load });
  const dead = loader.get(1);
  expect(await loader.get(2)).toMatchObject({ key: 2 });
  hang.reject(new Error('gone'));
  await expect(dead).rejects.toThrow('gone');
});

test('that a row is not there is remembered for a moment, but not against one who knows better', async () => {
  const { loader, put, clock, counters } = open();
  expect(await loader.get(8)).toBeUndefined();
  put(8);
  expect(await loader.get(8)).toBeUndefined();
  expect(counters).toMatchObject({ absent: 1, statements: 1 });
  expect(await loader.get(8, 1)).toMatchObject({ version: 1 });
  expect(await loader.get(8)).toMatchObject({ version: 1 });
  expect(await loader.get(10)).toBeUndefined();
  put(10);
  clock.advance(250);
  expect(await loader.get(10)).toMatchObject({ version: 1 });
});

test('who has changed a row does not get what was read before', async () => {
  const { loader, put, statements } = open();
  put(6, 1);
  const before = loader.get(6);
  await delay(0);
  const after = loader.get(6, 2);
  await before;
  put(6, 2);
  expect((await after)?.version).toBe(2);
  expect(statements).toHaveLength(2);
});

test('more keys than may wait are refused, and room is made again', async () => {
  const { loader, put, counters } = open({ keysMax: 10 });
  for (let key = 2; key <= 40; key += 2) put(key);
  const asked = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => loader.get(2 * index + 2)));
  const refused = asked.filter((one) => one.status === 'rejected');
  expect(refused).toHaveLength(10);
  expect(refused[0].reason).toMatchObject({ code: 'UNAVAILABLE' });
  expect(counters.refused).toBe(10);
  expect(await loader.get(40)).toMatchObject({ key: 40 });
});

import { openCollections } from '@gala/lib/collections';
import { createMetrics } from '@gala/lib/metrics';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeHost, publish, startTestRooms, type TestRooms } from '../testing.ts';
import { PlayCounts, type PlaySwitch } from './play-counts.ts';

let world: TestRooms;
let cleanUp: AsyncDisposableStack;
let state: PlaySwitch;

beforeAll(async () => {
  world = await startTestRooms({ playFlushMs: 60_000 });
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  cleanUp = new AsyncDisposableStack();
  state = 'on';
});
afterEach(() => cleanUp.disposeAsync());

/** One process of the room role, with collections of its own unless they are given. */
async function open(shared?: Awaited<ReturnType<typeof openCollections>>) {
  const { logger, clock } = world;
  const metrics = createMetrics('test');
  const collections = shared ?? cleanUp.use(await openCollections({ clock, logger, metrics }));
  const plays = cleanUp.use(new PlayCounts({ ...world, metrics, collections, state: () => state }));
  return { plays, collections };
}

async function onAir(): Promise<number> {
  return (await publish(world, (await makeHost(world)).streamKey)).roomId;
}

/** As a reader sees it who knows nothing yet. */
async function shown(roomId: number): Promise<number | undefined> {
  return (await open()).plays.of(roomId);
}

test('what several edges count is added up; told twice, late or to another process it counts once', async () => {
  const roomId = await onAir();
  const [one, other] = [(await open()).plays, (await open()).plays];
  one.note('edge-a', [{ roomId, plays: 5, beganAtMs: 1 }]);
  other.note('edge-a', [{ roomId, plays: 7, beganAtMs: 1 }]);
  other.note('edge-b', [{ roomId, plays: 2, beganAtMs: 1 }]);
  await Promise.all([other.flush(), one.flush()]);
  one.note('edge-a', [{ roomId, plays: 5, beganAtMs: 1 }]);
  await one.flush();
  expect(await shown(roomId)).toBe(9);
  one.note('edge-a', [{ roomId, plays: 1, beganAtMs: 2 }]);
  await one.flush();
  expect(await shown(roomId)).toBe(10);
});

test('more than one batch is written, and others read the sums from the collections', async () => {
  const roomId = await onAir();
  const { plays, collections } = await open();
  for (let edge = 0; edge < 1201; edge++) plays.note(`edge-${edge}`, [{ roomId, plays: 1, beganAtMs: 1 }]);
  await plays.flush();
  expect((await collections.get(`room-plays:${roomId}`))?.toString()).toBe('1201');
  expect(await (await open(collections)).plays.of(roomId)).toBe(1201);
});

test('frozen, nothing is counted and the last value is shown; off, none is', async () => {
  const roomId = await onAir();
  const { plays } = await open();
  plays.note('edge-a', [{ roomId, plays: 3, beganAtMs: 1 }]);
  await plays.flush();
  state = 'frozen';
  plays.note('edge-a', [{ roomId, plays: 9, beganAtMs: 1 }]);
  await plays.flush();
  expect(await plays.of(roomId)).toBe(3);
  state = 'off';
  expect(await plays.of(roomId)).toBeUndefined();
  state = 'on';
  expect(await shown(roomId)).toBe(3);
});

test('with the database down nothing fails: the last value is shown, and what waited is written after', async () => {
  const roomId = await onAir();
  const unread = await onAir();
  const { plays } = await open();
  plays.note('edge-a', [{ roomId, plays: 4, beganAtMs: 1 }]);
  await plays.flush();
  expect(await plays.of(roomId)).toBe(4);
  await world.postgres.stop();
  try {
    plays.note('edge-a', [{ roomId, plays: 6, beganAtMs: 1 }]);
    await plays.flush();
    world.clock.advance(60_000);
    expect(await plays.of(roomId)).toBe(4);
    expect(await plays.of(unread)).toBeUndefined();
  } finally {
    await world.postgres.start();
  }
  await expect
    .poll(
      async () => {
        await plays.flush();
        return shown(roomId);
      },
      { timeout: 15_000 },
    )
    .toBe(6);
});

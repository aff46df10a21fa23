import type { Collections } from '@gala/lib/collections';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FanKeeper } from './fan-keeper.ts';
import { Fans, fansMax } from './fans.ts';
import { authorOf, openTestCollections } from './testing.ts';

let collections: Collections;
let rooms = 0;

beforeAll(async () => {
  collections = await openTestCollections();
});
afterAll(() => collections[Symbol.asyncDispose]());

function keep() {
  const counters = { writes: 0, writesFailed: 0, loadsFailed: 0, dropped: 0 };
  return { keeper: new FanKeeper({ collections, counters, writeEveryMs: 3_600_000 }), counters };
}

const scoresOf = (fans: Fans, nowMs = 0) =>
  fans.takeTop(nowMs)?.top.map(({ userId, score }) => [userId, score]);

test('those who did most are told, most first, when that changes', () => {
  const fans = new Fans();
  for (let user = 1; user <= 20; user++) fans.score(authorOf(user), user);
  fans.score(authorOf(0), 1000);
  fans.score(authorOf(1), 50);
  expect(scoresOf(fans)!.slice(0, 3)).toEqual([
    [1, 51],
    [20, 20],
    [19, 19],
  ]);
  fans.score(authorOf(20), 5);
  expect(fans.takeTop(1999)).toBeUndefined();
  expect(scoresOf(fans, 2000)!.slice(0, 2)).toEqual([
    [1, 51],
    [20, 25],
  ]);
  // Below the list nothing is to be told.
  fans.score(authorOf(2), 1);
  expect(fans.takeTop(10_000)).toBeUndefined();
});

test('the next owner goes on with the scores, and with the names that were told', async () => {
  const roomId = ++rooms;
  const [first, second] = [keep(), keep()];
  const fans = await first.keeper.open(roomId, undefined);
  for (let user = 1; user <= 600; user++) fans.score(authorOf(user), user);
  const told = fans.takeTop(0);
  await first.keeper.close(roomId, 'idle');
  const next = await second.keeper.open(roomId, told);
  // Before what was written could be read.
  next.score(authorOf(599), 10);
  next.score(authorOf(1), 2);
  await second.keeper.flush();
  next.score(authorOf(600), 20);
  await second.keeper.flush();
  const top = next.takeTop(10_000)!.top;
  expect(top.slice(0, 3)).toEqual([
    { ...authorOf(600), score: 620 },
    { ...authorOf(599), score: 609 },
    { ...authorOf(598), score: 598 },
  ]);
  expect(await collections.ranks.scoreOf(`{room:${roomId}}:fans`, '1')).toBe(3);
  expect(await collections.ranks.scoreOf(`{room:${roomId}}:fans`, '600')).toBe(620);
  await Promise.all([first, second].map(({ keeper }) => keeper[Symbol.asyncDispose]()));
});

test('fans are bounded; who is forgotten goes on with what was written of him', async () => {
  const roomId = ++rooms;
  const { keeper, counters } = keep();
  const fans = await keeper.open(roomId, undefined);
  for (let user = 1; user <= 4000; user++) {
    fans.score(authorOf(user), 4001 - user);
    if (user % 200 === 0) await keeper.flush();
  }
  expect(counters).toMatchObject({ writes: 4000, dropped: 0 });
  fans.score(authorOf(4000), 10_000);
  await keeper.flush();
  expect(scoresOf(fans)![0]).toEqual([4000, 10_001]);
  await keeper[Symbol.asyncDispose]();
});

test('when nothing can be written, what finds no place is counted', () => {
  const fans = new Fans();
  for (let user = 1; user <= fansMax + 600; user++) fans.score(authorOf(user), 1);
  expect(fans.dropped).toBe(100);
  const [change] = fans.takeUnwritten(1);
  fans.failed(change);
  expect(fans.isWritten).toBe(false);
});

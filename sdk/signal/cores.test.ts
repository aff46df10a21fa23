import { StateBook, type StatePart } from '@gala/protocol/signals';
import { describe, expect, test } from 'vitest';
import { RecentIds } from './recent-ids.ts';
import { Retry } from './retry.ts';
import { ServerClock } from './server-clock.ts';

test('waits are spread over all of the time away, within bounds, and over as long again as the server asks', () => {
  let atMs = 1_000;
  const waits = (random: number): number[] => {
    const retry = new Retry({ baseMs: 100, maxMs: 500, nowMs: () => atMs, random: () => random });
    return [0, 50, 200, 5_000].map((awayMs) => {
      atMs = 1_000 + awayMs;
      return retry.nextMs();
    });
  };
  expect(waits(0)).toEqual([0, 0, 0, 0]);
  atMs = 1_000;
  expect(waits(1)).toEqual([100, 100, 200, 500]);
  const retry = new Retry({ baseMs: 100, maxMs: 500, nowMs: () => atMs, random: () => 1 });
  expect([10, 300, 2_000].map((retryAfterMs) => retry.nextMs(retryAfterMs))).toEqual([110, 600, 2_500]);
  atMs += 400;
  expect(retry.nextMs()).toBe(400);
  retry.reset();
  expect(retry.nextMs()).toBe(100);
});

test('tries that are refused at once do not lengthen the wait: one is away twice as long as the server at most', () => {
  for (let seed = 1; seed <= 50; seed++) {
    let atMs = 0;
    // Short draws first: many tries in a little time.
    const random = (): number => (atMs < 2_000 ? (seed * 0.013) % 0.1 : 1);
    const retry = new Retry({ baseMs: 500, maxMs: 5_000, nowMs: () => atMs, random });
    for (let tries = 0; atMs < 2_300; tries++) {
      expect(tries).toBeLessThan(1_000);
      atMs += Math.max(1, retry.nextMs());
    }
    expect(atMs).toBeLessThan(2 * 2_300);
  }
});

test('the clock believes the quickest of the last answers', () => {
  const clock = new ServerClock();
  expect(clock.nowMs(0)).toBeUndefined();
  clock.pong(1000, 50_500, 2000);
  expect(clock.nowMs(2000)).toBe(51_000);
  clock.pong(3000, 52_010, 3020);
  expect(clock.nowMs(3020)).toBe(52_020);
  expect(clock.errorMsMax).toBe(10);
  for (let sentMs = 4000; sentMs < 4800; sentMs += 100) clock.pong(sentMs, sentMs + 49_000, sentMs + 40);
  expect(clock.errorMsMax).toBe(20);
});

test('recent ids forget the oldest first', () => {
  const ids = new RecentIds(2);
  expect([ids.add('a'), ids.add('a'), ids.add('b'), ids.add('c')]).toEqual([true, false, true, true]);
  expect([ids.has('a'), ids.has('b'), ids.has('c')]).toEqual([false, true, true]);
});

describe('the state of a room', () => {
  const part = (name: string, version: number, stateVersion = version): StatePart => ({
    name,
    version,
    stateVersion,
    value: version,
  });

  test('is current as long as no change is missing', () => {
    const book = new StateBook();
    expect(book.replace([part('viewers', 3), part('rank', 4)], 4)).toHaveLength(2);
    expect(book.change([part('viewers', 5), part('rank', 6)], 6)).toHaveLength(2);
    expect([book.version, book.lacksParts, book.value('rank')]).toEqual([6, false, 6]);
  });

  test('shows by its version that a change was missed, even when a later one came', () => {
    const book = new StateBook();
    book.replace([part('viewers', 3), part('rank', 4)], 4);
    book.change([part('viewers', 6)], 6);
    expect([book.version, book.lacksParts]).toEqual([4, true]);
    expect(book.versions).toEqual({ viewers: 6, rank: 4 });
    expect(book.replace([part('rank', 5)], 6)).toEqual([part('rank', 5)]);
    expect([book.version, book.lacksParts]).toEqual([6, false]);
  });

  test('parts of which a new owner knows nothing are gone', () => {
    const book = new StateBook();
    book.replace([part('mics', 3), part('rank', 4)], 4);
    expect(book.whole([part('rank', 9)], 10)).toEqual([
      part('rank', 9),
      { name: 'mics', version: 10, stateVersion: 10, value: null },
    ]);
    expect(book.parts).toEqual([part('rank', 9)]);
    expect(book.above({ mics: 3, rank: 9 })).toEqual([
      { name: 'mics', version: 10, stateVersion: 10, value: null },
    ]);
    expect(book.whole([], 8)).toEqual([]);
    // Of the old owner, and late.
    expect(book.change([part('mics', 5)], 5)).toEqual([]);
    expect(book.parts).toEqual([part('rank', 9)]);
  });

  test('never goes back to an older value', () => {
    const book = new StateBook();
    book.replace([part('viewers', 9)], 9);
    expect(book.change([part('viewers', 8)], 8)).toEqual([]);
    expect(book.value('viewers')).toBe(9);
    expect(book.lacksParts).toBe(false);
  });
});

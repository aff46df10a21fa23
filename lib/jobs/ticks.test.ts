import { expect, test } from 'vitest';
import { dueAtMs, dueTick, firstTick, nextTick, tickTimes } from './ticks.ts';

test('the partitions of a job tick one after the other over its interval', () => {
  const at = (partition: number): number =>
    dueAtMs(tickTimes(1000, partition, 64), 1_700_000_000) - 1_700_000_000_000;
  expect([at(0), at(1), at(32), at(63)]).toEqual([0, 15, 500, 984]);
  const times = tickTimes(1000, 32, 64);
  expect(dueTick(times, dueAtMs(times, 7) - 1)).toBe(6);
  expect(dueTick(times, dueAtMs(times, 7))).toBe(7);
});

test('misfires: ignored, made up for by one, or caught up within the bound', () => {
  const first = (due: number) => [
    firstTick(10, due, 'ignore'),
    firstTick(10, due, 'once'),
    firstTick(10, due, { catchUp: 5 }),
  ];
  expect(first(9), 'the clock of the database went back').toEqual([11, 11, 11]);
  expect(first(10)).toEqual([11, 11, 11]);
  expect(first(11)).toEqual([12, 11, 11]);
  expect(first(13)).toEqual([14, 13, 11]);
  expect(first(30)).toEqual([31, 30, 26]);
});

test('overruns: skipped, or so many queued', () => {
  const next = (due: number) => [
    nextTick(10, due, 'skip'),
    nextTick(10, due, { queue: 1 }),
    nextTick(10, due, { queue: 3 }),
  ];
  expect(next(10)).toEqual([11, 11, 11]);
  expect(next(11)).toEqual([12, 11, 11]);
  expect(next(15)).toEqual([16, 15, 13]);
});

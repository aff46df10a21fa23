import { expect, test } from 'vitest';
import { seekOverGap } from './gaps.ts';

const ranges = (...pairs: [start: number, end: number][]) => ({
  length: pairs.length,
  start: (index: number) => pairs[index]?.[0] ?? NaN,
  end: (index: number) => pairs[index]?.[1] ?? NaN,
});
const holed = ranges([0, 6.93], [7, 13]);

test.each([
  { name: 'far before a hole', buffered: holed, currentTime: 6.5, crossedTo: 0, to: undefined },
  { name: 'just before it', buffered: holed, currentTime: 6.85, crossedTo: 0, to: 7 },
  { name: 'in it', buffered: holed, currentTime: 6.95, crossedTo: 0, to: 7 },
  { name: 'run over it', buffered: holed, currentTime: 7.1, crossedTo: 0, to: 7.1 },
  { name: 'crossed', buffered: holed, currentTime: 7.2, crossedTo: 7, to: undefined },
  { name: 'nothing missing', buffered: ranges([0, 13]), currentTime: 7, crossedTo: 0, to: undefined },
  { name: 'nothing there', buffered: ranges(), currentTime: 0, crossedTo: 0, to: undefined },
])('$name: $to', ({ to, ...options }) => {
  expect(seekOverGap(options)).toBe(to);
});

test('of two holes that the clock has run over, one seek is enough', () => {
  const buffered = ranges([0, 1], [2, 3], [4, 9]);
  expect(seekOverGap({ buffered, currentTime: 4.5, crossedTo: 0 })).toBe(4.5);
  expect(seekOverGap({ buffered, currentTime: 4.5, crossedTo: 4.5 })).toBeUndefined();
});

test('a hole that comes after one that was crossed is crossed too', () => {
  const buffered = ranges([0, 1], [2, 3], [4, 9]);
  expect(seekOverGap({ buffered, currentTime: 2.95, crossedTo: 2 })).toBe(4);
});

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lanes } from './lanes.ts';

const options = { lanes: 4, widthPx: 900, crossMs: 8_000, gapPx: 24 };
const speedOf = (linePx: number): number => (options.widthPx + linePx) / options.crossMs;

interface Placed {
  readonly linePx: number;
  readonly atMs: number;
}

/** Where head and tail of a line are, from the left edge. */
const headPx = ({ linePx, atMs }: Placed, nowMs: number): number =>
  options.widthPx - (nowMs - atMs) * speedOf(linePx);
const tailPx = (placed: Placed, nowMs: number): number => headPx(placed, nowMs) + placed.linePx;

test('two lines in one lane never touch while both are on the picture', () => {
  const lines = fc.array(fc.record({ linePx: fc.integer({ min: 20, max: 1_200 }), afterMs: fc.nat(900) }), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(lines, (offered) => {
      const lanes = new Lanes(options);
      const last = new Map<number, Placed>();
      let nowMs = 1_000;
      for (const { linePx, afterMs } of offered) {
        nowMs += afterMs;
        const lane = lanes.take(linePx, nowMs);
        if (lane === undefined) continue;
        const before = last.get(lane);
        const placed = { linePx, atMs: nowMs };
        last.set(lane, placed);
        if (!before) continue;
        const goneAtMs = before.atMs + options.crossMs;
        for (let at = nowMs; at < goneAtMs; at += 100) {
          expect(headPx(placed, at) - tailPx(before, at)).toBeGreaterThan(-1e-6);
        }
      }
    }),
  );
});

test('lanes fill from above, and what has no place is refused until one is free', () => {
  const lanes = new Lanes(options);
  expect([1, 2, 3, 4, 5].map(() => lanes.take(300, 0))).toEqual([0, 1, 2, 3, undefined]);
  expect(lanes.take(300, options.crossMs)).toBe(0);
});

test('a longer line, which is faster, waits until it cannot catch up', () => {
  const lanes = new Lanes({ ...options, lanes: 1 });
  lanes.take(50, 0);
  const inMs = (50 + options.gapPx) / speedOf(50);
  expect(lanes.take(900, inMs)).toBeUndefined();
  expect(lanes.take(50, inMs)).toBe(0);
});

test('where nothing moves a lane is for one line at a time', () => {
  const lanes = new Lanes({ ...options, lanes: 2 });
  expect([lanes.occupy(4_000, 0), lanes.occupy(4_000, 10), lanes.occupy(4_000, 20)]).toEqual([
    0,
    1,
    undefined,
  ]);
  expect(lanes.occupy(4_000, 4_000)).toBe(0);
});

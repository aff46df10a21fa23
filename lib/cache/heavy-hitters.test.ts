import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeavyHitters } from './heavy-hitters.ts';

/** Ranks by Zipf's law: rank r comes with weight 1 / r^exponent. */
function zipf({ seed, count, exponent }: { seed: number; count: number; exponent: number }): number[] {
  const ranks = 2000;
  const sums: number[] = [];
  for (let rank = 1; rank <= ranks; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank ** exponent);
  let state = seed >>> 0 || 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, () => {
    const at = random() * sums[ranks - 1];
    return sums.findIndex((sum) => sum >= at);
  });
}

function exactOf(stream: readonly (readonly [number, number])[]): Map<number, number> {
  const exact = new Map<number, number>();
  for (const [key, weight] of stream) exact.set(key, (exact.get(key) ?? 0) + weight);
  return exact;
}

/** What the algorithm promises, whatever the stream. */
function check(stream: readonly (readonly [number, number])[], size: number): HeavyHitters<number> {
  const hitters = new HeavyHitters<number>(size);
  for (const [key, weight] of stream) hitters.add(key, weight);
  const exact = exactOf(stream);
  const total = stream.reduce((sum, [, weight]) => sum + weight, 0);
  const top = hitters.top(size, 0);
  expect(hitters.total).toBe(total);
  expect(top.length).toBe(Math.min(size, exact.size));
  for (const { key, count, error } of top) {
    const truth = exact.get(key) ?? 0;
    expect(count).toBeGreaterThanOrEqual(truth);
    expect(count - error).toBeLessThanOrEqual(truth);
    expect(error).toBeLessThanOrEqual(total / size);
  }
  const found = new Set(top.map(({ key }) => key));
  for (const [key, count] of exact) if (count > total / size) expect(found.has(key)).toBe(true);
  return hitters;
}

test('every key above its share is found, and no count is further off than it says', () => {
  const stream = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 9 })), { maxLength: 400 });
  fc.assert(fc.property(stream, fc.integer({ min: 1, max: 40 }), (each, size) => void check(each, size)));
});

test('of a Zipf stream the first ranks come in order, with close counts', () => {
  const seeds = fc.integer({ min: 1, max: 2 ** 31 });
  fc.assert(
    fc.property(seeds, (seed) => {
      const stream = zipf({ seed, count: 20_000, exponent: 1.1 }).map((key) => [key, 1] as const);
      const exact = exactOf(stream);
      const first = check(stream, 256).top(10, 0);
      const best = [...exact].toSorted((a, b) => b[1] - a[1]).slice(0, 10);
      expect(first.slice(0, 3).map(({ key }) => key)).toEqual(best.slice(0, 3).map(([key]) => key));
      for (const { key, count } of first) expect(count / (exact.get(key) ?? 0)).toBeLessThan(1.1);
    }),
    { numRuns: 10 },
  );
});

test('a window that is cleared begins anew', () => {
  const hitters = new HeavyHitters<string>(2);
  for (const key of ['a', 'b', 'c', 'c']) hitters.add(key, 5);
  hitters.clear();
  hitters.add('b', 1);
  expect([hitters.total, hitters.top(9, 0)]).toEqual([1, [{ key: 'b', count: 1, error: 0 }]]);
});

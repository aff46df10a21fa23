import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rebalance } from './balance.ts';

const moved = (before: readonly (string | undefined)[], after: readonly string[]): number =>
  after.filter((owner, partition) => before[partition] !== undefined && before[partition] !== owner).length;
const counts = (owners: readonly string[], workers: readonly string[]): number[] =>
  workers.map((worker) => owners.filter((owner) => owner === worker).length);

test('whatever comes and goes, all have about the same, and only what must move moves', () => {
  const worker = fc.integer({ min: 0, max: 11 }).map((number) => `worker-${number}`);
  const history = fc.array(fc.uniqueArray(worker, { minLength: 1, maxLength: 12 }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(fc.constantFrom(1, 7, 64), history, (partitions, turns) => {
      let owners: (string | undefined)[] = Array.from({ length: partitions }, () => undefined);
      for (const workers of turns) {
        const next = rebalance(owners, workers);
        const had = counts(next, workers);
        expect(Math.max(...had) - Math.min(...had)).toBeLessThanOrEqual(1);
        expect(had.reduce((sum, count) => sum + count, 0)).toBe(partitions);
        expect(rebalance(next, workers), 'planned again, nothing moves').toEqual(next);
        // Nobody gives to one and takes from another.
        for (const one of workers) {
          const before = owners.filter((owner) => owner === one).length;
          const kept = next.filter((owner, at) => owner === one && owners[at] === one).length;
          expect(kept).toBe(Math.min(before, had[workers.indexOf(one)]));
        }
        owners = next;
      }
    }),
    { numRuns: 300 },
  );
});

test('one more worker moves at most 1.1/N of the partitions, from 1 to 32 workers', () => {
  const table = [];
  let owners: readonly (string | undefined)[] = Array.from({ length: 64 }, () => undefined);
  for (let count = 1; count <= 32; count++) {
    const workers = Array.from({ length: count }, (_, index) => `worker-${index}`);
    const next = rebalance(owners, workers);
    const share = moved(owners, next) / 64;
    expect(share).toBeLessThanOrEqual(1.1 / count);
    table.push({ count, share });
    owners = next;
  }
  expect(table[3].share).toBe(0.25);
});

test('one worker less moves what it had, and nothing else', () => {
  const workers = ['a', 'b', 'c', 'd'];
  const before = rebalance(Array.from({ length: 64 }), workers);
  const after = rebalance(before, ['a', 'b', 'd']);
  expect(moved(before, after)).toBe(16);
  expect(before.every((owner, at) => owner === 'c' || after[at] === owner)).toBe(true);
});

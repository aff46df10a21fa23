import { expect, test } from 'vitest';
import { coarseClock } from './index.ts';

test('the coarse clock stands still within a turn, and goes on in the next ones', async () => {
  const first = coarseClock.monotonicMs();
  for (let until = performance.now() + 5; performance.now() < until;);
  expect(coarseClock.monotonicMs()).toBe(first);
  await expect.poll(() => performance.now() - coarseClock.monotonicMs(), { interval: 1 }).toBeLessThan(3);
  expect(coarseClock.monotonicMs()).toBeGreaterThan(first);
});

import { expect, test } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { RateLimiter } from './index.ts';

test('a burst passes, then as many as come back, and the wait is told', () => {
  const clock = new ManualClock();
  const limiter = new RateLimiter({ perSecond: 2, burst: 3, clock });
  expect([1, 2, 3].map(() => limiter.take('a'))).toEqual([0, 0, 0]);
  expect(limiter.take('a')).toBeCloseTo(0.5);
  expect(limiter.take('b')).toBe(0);
  clock.advance(500);
  expect(limiter.take('a')).toBe(0);
  expect(limiter.take('a')).toBeGreaterThan(0);
  expect(limiter.refused).toBe(2);
});

test('the number of keys is bounded; the longest idle goes first and is counted', () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 1, keysMax: 2, clock: new ManualClock() });
  for (const key of ['a', 'b', 'a', 'c']) limiter.take(key);
  expect([limiter.size, limiter.evicted]).toEqual([2, 1]);
  expect(limiter.take('a')).toBeGreaterThan(0);
  expect(limiter.take('b')).toBe(0);
});

import { expect, test } from 'vitest';
import { backOffMs, reconnectBackOff } from './back-off.ts';

test('the wait doubles up to its maximum', () => {
  const waits = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backOffMs(reconnectBackOff, attempt, () => 1));
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 8_000]);
});

test('half of the wait is random', () => {
  expect(backOffMs({ baseMs: 1_000, maxMs: 8_000 }, 1, () => 0)).toBe(1_000);
  expect(backOffMs({ baseMs: 1_000, maxMs: 8_000 }, 1, () => 0.5)).toBe(1_500);
});

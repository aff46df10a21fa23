import { expect, test } from 'vitest';
import { holdTickMs } from './hold.ts';
import { lateMsMax, simulateManyPublishers, simulateOneEncoder } from './testing-days.ts';

const driftMsMax = 20;
const timeout = 90_000;

test('one encoder for 50 days: monotonic over 2^24, 2^31 and 2^32, drift at most 20 ms', { timeout }, () => {
  const { driftMs, skewMs, jumps, messages } = simulateOneEncoder();
  expect(messages).toBeGreaterThan(20_000_000);
  expect(driftMs).toBeLessThanOrEqual(driftMsMax);
  expect(skewMs).toBeLessThanOrEqual(driftMsMax);
  expect(jumps).toBe(0);
});

test('50 days of takeovers and holds: monotonic, drift at most 20 ms', { timeout }, () => {
  const { driftMs, skewMs, seamMs, jumps } = simulateManyPublishers();
  expect(driftMs).toBeLessThanOrEqual(driftMsMax);
  expect(skewMs).toBeLessThanOrEqual(driftMsMax);
  expect(seamMs).toBeLessThanOrEqual(lateMsMax + holdTickMs);
  expect(jumps).toBe(0);
});

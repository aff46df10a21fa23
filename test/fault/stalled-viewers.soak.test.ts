import { expect, test } from 'vitest';
import { measureStalledCrowd } from '../harness/stalled-crowd.ts';

const stalled = 1_000;
const mebibyte = 2 ** 20;

test('1,000 viewers that never read for ten minutes cost a bounded amount, and no one else anything', async () => {
  const result = await measureStalledCrowd({ stalled, healthy: 10, aloneMs: 60_000, besideMs: 600_000 });
  console.log(JSON.stringify(result));
  expect(result.evicted).toBeGreaterThanOrEqual(15 * stalled);
  expect(result.grownBytesMax).toBeLessThanOrEqual(100 * mebibyte);
  expect(result.p99MsBeside).toBeLessThanOrEqual(Math.max(3 * result.p99MsAlone, result.p99MsAlone + 20));
  expect(result).toMatchObject({ ended: 0, backwardSteps: 0 });
});

import { expect, test } from 'vitest';
import { measureStalledCrowd } from '../harness/stalled-crowd.ts';

const stalled = 1_000;
const mebibyte = 2 ** 20;
/** What another test's load may add from one phase to the next. */
const busyMs = 100;

/** Promise (design, media): 1,000 stalled viewers cost at most 100 MB and nobody else's p99; each is evicted. */
test('1,000 viewers that never read for a minute cost a bounded amount, and no one else anything', async () => {
  const result = await measureStalledCrowd({ stalled, healthy: 10, aloneMs: 15_000, besideMs: 60_000 });
  console.log(JSON.stringify(result));
  expect(result.viewersMax).toBeGreaterThanOrEqual(stalled);
  expect(result.evicted).toBeGreaterThanOrEqual(stalled);
  expect(result.grownBytesMax).toBeLessThanOrEqual(100 * mebibyte);
  expect(result.p99MsBeside).toBeLessThanOrEqual(Math.max(3 * result.p99MsAlone, result.p99MsAlone + busyMs));
  expect(result).toMatchObject({ ended: 0, backwardSteps: 0 });
});

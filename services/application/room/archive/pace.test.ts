import { expect, test } from 'vitest';
import { measureArchiving } from './testing/pace-of-ends.ts';

test('rooms that end at the pace of a large site are in the archive within moments, each once', async () => {
  const archived = await measureArchiving({ perSecond: 333, seconds: 3 });
  console.log(JSON.stringify(archived));
  expect(archived).toMatchObject({ archived: 999, left: 0 });
  // Two seconds are promised to a machine of its own.
  expect(archived.latencyMsP99).toBeLessThan(6000);
}, 120_000);

import { expect, test } from 'vitest';
import { measureArchiving } from './testing/pace-of-ends.ts';

test('333 rooms that end each second for a minute are in the archive within two seconds, each once', async () => {
  const archived = await measureArchiving({ perSecond: 333, seconds: 60 });
  console.log(JSON.stringify(archived));
  expect(archived).toMatchObject({ archived: 19_980, left: 0 });
  expect(archived.latencyMsP99).toBeLessThan(2000);
}, 300_000);

import { expect, test } from 'vitest';
import { runSchedules } from '../../../test/harness/signal-world/schedules.ts';

const seed = Number(process.env['GALA_SEED'] ?? Date.now() % 1_000_000_000);
const schedules = 100_000;

test(`no viewer of 10^5 histories takes old for new, and nobody misses anything silently (seed ${seed})`, () => {
  const ran = runSchedules({ seed, schedules });
  console.log(JSON.stringify({ seed, schedules: ran.schedules, ...ran.faults }));
  expect(ran.wrongs).toEqual([]);
  for (const [fault, count] of Object.entries(ran.faults))
    expect(count, fault).toBeGreaterThan(schedules / 100);
});

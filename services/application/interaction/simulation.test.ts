import { expect, test } from 'vitest';
import { runSchedules } from '../../../test/harness/signal-world/schedules.ts';
import type { Bug } from '../../../test/harness/signal-world/world.ts';

const seed = Number(process.env['GALA_SEED'] ?? Date.now() % 1_000_000);

test(`after any faults every viewer has what the owner has, or knows that he has not (seed ${seed})`, () => {
  const ran = runSchedules({ seed, schedules: 400 });
  expect(ran.wrongs).toEqual([]);
  for (const [fault, count] of Object.entries(ran.faults)) expect(count, fault).toBeGreaterThan(0);
});

const bugs = [
  'versions first',
  'nodes trust versions',
  'lost deliveries are forgotten',
  'a gap is told where nobody was asked',
] satisfies Bug[];

test.each(bugs)('a planted fault is found: %s', (bug) => {
  expect(runSchedules({ seed: 1, schedules: 1000, bug }).wrongSchedules).toBeGreaterThan(0);
});

import { expect, test } from 'vitest';
import { runSchedules } from '../../../test/harness/signal-world/schedules.ts';
import type { Bug } from '../../../test/harness/signal-world/world.ts';

const seed = Number(process.env['GALA_SEED'] ?? 1);

test(`after any faults every viewer has what the owner has, or knows that he has not (seed ${seed})`, () => {
  const ran = runSchedules({ seed, schedules: Number(process.env['GALA_N'] ?? 300) });
  console.log(JSON.stringify(ran.faults));
  expect(ran.wrongs).toEqual([]);
  for (const [fault, count] of Object.entries(ran.faults)) expect(count, fault).toBeGreaterThan(0);
});

const bugs: Bug[] = ['versions first', 'nodes trust versions', 'lost deliveries are forgotten'];

test.each(bugs)('a planted fault is found: %s', (bug) => {
  expect(runSchedules({ seed, schedules: 300, bug }).wrongSchedules).toBeGreaterThan(0);
});

import { test } from 'vitest';
import { expectWhole, measureStorm, stormRows } from '../../../test/harness/join-storm.ts';

test('20,000 joins a second are offered: the configured rate is let in, and viewers hear as before', async () => {
  const perSecond = 500;
  const accepts = {
    // Twice the joins, as by default.
    all: { perSecond: 2 * perSecond, burst: 2 * perSecond },
    perAddress: { perSecond: 2_000, burst: 10_000 },
  };
  const setup = { joinsPerSecond: 20_000, seconds: 5, admittedPerSecond: perSecond, viewers: 200, accepts };
  const report = await measureStorm(setup);
  console.table(stormRows(setup, report));
  // Clients and server share the machine, so what the table says of the time is told, not asserted.
  console.log(`p99 during / before: ${(report.during.p99Ms / report.before.p99Ms).toFixed(1)} (promised: 2)`);
  expectWhole(setup, report);
});

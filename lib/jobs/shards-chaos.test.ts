import { expect, test } from 'vitest';
import { runChaos } from '../../test/harness/shard-chaos.ts';

test('1,200 ticks among workers that are killed, stopped and cut off: each has its effect exactly once', async () => {
  const answer = await runChaos({ ticksMin: 1200, intervalMs: 200, harmEveryMs: 500 });
  console.table([answer]);
  expect(answer).toMatchObject({ duplicates: 0, missing: 0, backwards: 0 });
  expect(Math.min(answer.kills, answer.stops, answer.cutConnections)).toBeGreaterThan(0);
}, 90_000);

import { expect, test } from 'vitest';
import { fullOptions, measureRooms } from '../../../../bench/rooms.ts';

test('2 M rows, 100 k on air, 333 begins and ends a second: ten replicas follow in time and end equal', async () => {
  const { refreshMs, paced, moved, lost, states, equal } = await measureRooms(fullOptions, console.log);
  const refresh = refreshMs.toSorted((a, b) => a - b)[Math.floor(refreshMs.length / 2)];
  const p99 = Math.max(...states.map(({ latencyMsP99 }) => latencyMsP99));
  console.log(JSON.stringify({ refresh, p99, paced, moved, lost, states }));
  expect(paced).toMatchObject({ begins: 333 * 60, ends: 333 * 60, failures: 0 });
  expect({ ...moved, lost }).toMatchObject({ readsFailed: 0, writesFailed: 0, writesLost: 0, lost: 0 });
  expect(equal).toBe(states.length);
  expect(states.every(({ changes }) => changes >= 2 * 333 * 60)).toBe(true);
  // Three times the promises, which bench/rooms.ts measures on a quiet machine.
  expect(refresh).toBeLessThan(750);
  expect(p99).toBeLessThan(900);
}, 1_800_000);

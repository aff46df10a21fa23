import { expect, test } from 'vitest';
import { fullOptions, measureRooms } from '../../../../bench/rooms.ts';

test('every change of a busy site reaches every replica, and all end equal to the databases', async () => {
  const size = { rooms: 20_000, live: 1000, perSecond: 100, seconds: 4, processes: 2, replicasPerProcess: 2 };
  const { paced, moved, lost, states, equal } = await measureRooms(
    { ...fullOptions, ...size },
    () => undefined,
  );
  expect(paced).toMatchObject({ begins: 400, ends: 400, failures: 0 });
  expect({ ...moved, lost }).toMatchObject({ readsFailed: 0, writesFailed: 0, writesLost: 0, lost: 0 });
  expect(moved.moves).toBeGreaterThan(0);
  expect(moved.writes).toBeGreaterThan(50);
  expect(equal).toBe(4);
  expect(states.map(({ rooms }) => rooms)).toEqual([1000, 1000, 1000, 1000]);
  expect(states.every(({ changes }) => changes >= 800)).toBe(true);
}, 180_000);

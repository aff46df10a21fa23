import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as ids from './index.ts';

const region = fc.integer({ min: 0, max: ids.regionCount - 1 });
const number = fc.integer({ min: 0, max: ids.numberCount - 1 });
const session = fc.integer({ min: 0, max: ids.sessionCount - 1 });

test('every id splits into what it was composed of, and stays a safe integer', () => {
  fc.assert(
    fc.property(region, number, session, (r, n, s) => {
      const hostId = ids.composeUserId(r, n);
      const roomId = ids.composeRoomId(hostId, s);
      expect(Number.isSafeInteger(roomId)).toBe(true);
      expect(ids.splitRoomId(roomId)).toEqual({ hostId, session: s });
      expect(ids.regionOf(hostId)).toBe(r);
      expect(ids.shardOfRoom(roomId)).toBe(ids.shardOfUser(hostId));
    }),
  );
});

test('the largest room id is the largest safe integer', () => {
  expect(ids.roomIdMax).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => ids.splitRoomId(ids.roomIdMax + 1)).toThrow(RangeError);
});

test('neighbouring hosts spread evenly over the shards', () => {
  const counts = new Uint32Array(ids.shardCount);
  for (let n = 1; n <= 102_400; n++) counts[ids.shardOfUser(n)]++;
  expect(Math.min(...counts)).toBeGreaterThan(50);
  expect(Math.max(...counts)).toBeLessThan(160);
});

test('the shard of an id is fixed for good', () => {
  expect([1, 2, 1000, 2 ** 28 + 1].map(ids.shardOfUser)).toMatchInlineSnapshot(`
    [
      183,
      774,
      600,
      183,
    ]
  `);
});

test('only plain decimals parse as ids', () => {
  expect(ids.parseId('1048577', ids.roomIdMax)).toBe(1_048_577);
  for (const bad of ['', '0', '01', '-1', '1e3', '1.5', ' 1', '9007199254740992', '99999999999999999']) {
    expect(ids.parseId(bad, ids.roomIdMax), bad).toBeUndefined();
  }
});

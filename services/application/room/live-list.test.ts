import { shardOfRoom } from '@gala/protocol/ids';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Room } from './room.ts';
import { saveViewers } from './store/live.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from './testing.ts';

let world: TestRooms;
beforeAll(async () => {
  world = await startTestRooms();
}, 60_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const { pool } of world.sql.shards()) await pool.query(`update room set state = 'ended'`);
  await world.ongoing.refresh();
  world.clock.advance(60_000);
});

async function onAir(viewers: number): Promise<Room> {
  const { streamKey } = await makeHost(world);
  const room = await publish(world, streamKey);
  const { pool } = world.sql.shard(shardOfRoom(room.roomId));
  await saveViewers(pool, [{ roomId: room.roomId, epoch: room.epoch, viewers }]);
  return { ...room, viewers };
}

async function pages(limit: number): Promise<{ ids: number[][]; total: number }> {
  const ids: number[][] = [];
  let cursor = '';
  let total = 0;
  do {
    const page = await world.liveList.list({ limit, cursor });
    ids.push(page.rooms.map(({ roomId }) => roomId));
    cursor = page.nextCursor;
    total = page.total;
  } while (cursor && ids.length < 20);
  return { ids, total };
}

test('rooms of all shards come by viewers, page by page, none twice and none lost', async () => {
  const rooms: Room[] = [];
  for (const viewers of [5, 900, 5, 0, 77, 5, 12]) rooms.push(await onAir(viewers));
  const ranked = rooms
    .sort((a, b) => b.viewers! - a.viewers! || b.roomId - a.roomId)
    .map((room) => room.roomId);
  const databases = new Set(ranked.map((roomId) => world.sql.shard(shardOfRoom(roomId)).name));
  expect(databases.size).toBe(2);
  const { ids, total } = await pages(3);
  expect(ids.map((page) => page.length)).toEqual([3, 3, 1]);
  expect(ids.flat()).toEqual(ranked);
  expect(total).toBe(7);
});

test('held rooms are listed, private and ended ones are not', async () => {
  const held = await onAir(3);
  await world.rooms.report({ ...held, reportSequence: 1, event: 'held', reason: '' });
  const hidden = await onAir(2);
  await world.hosts.update(hidden.hostId, { visibility: 'private' });
  await world.rooms.end((await onAir(1)).roomId, '');
  const { rooms, total } = await world.liveList.list({ limit: 0, cursor: '' });
  expect(rooms).toMatchObject([{ roomId: held.roomId, state: 'hold', viewers: 3 }]);
  expect(total).toBe(1);
});

test('a list is kept for its time and no longer', async () => {
  const first = await onAir(1);
  const list = async () => (await world.liveList.list({ limit: 10, cursor: '' })).rooms.map((r) => r.roomId);
  expect(await list()).toEqual([first.roomId]);
  const second = await onAir(2);
  expect(await list()).toEqual([first.roomId]);
  world.clock.advance(world.config.liveListTtlMs);
  expect(await list()).toEqual([second.roomId, first.roomId]);
});

test('a foreign cursor is refused', async () => {
  for (const cursor of ['x', Buffer.from('1.2.3').toString('base64url'), '@@@@']) {
    const asked = world.liveList.list({ limit: 1, cursor });
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  }
});

test('with the databases down the last list is answered until it is too old, then again a fresh one', async () => {
  const room = await onAir(4);
  const list = () => world.liveList.list({ limit: 10, cursor: '' });
  const before = await list();
  await world.postgres.stop();
  world.clock.advance(world.config.staleMsMax - 1);
  expect(await list()).toEqual(before);
  expect(await world.liveList.list({ limit: 10, cursor: '' })).toMatchObject({
    rooms: [{ roomId: room.roomId }],
  });
  world.clock.advance(1);
  const startedAt = performance.now();
  await expect(list()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(performance.now() - startedAt).toBeLessThan(2500);
  await world.postgres.start();
  await expect.poll(() => list().catch(() => undefined), { timeout: 10_000 }).toEqual(before);
});

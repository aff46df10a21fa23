import { shardOfRoom } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endTestProcess, startTestProcess } from '../../../../test/harness/shop-process.ts';
import type { Room } from '../room.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from '../testing.ts';

const within = { timeout: 30_000, interval: 20 };
let world: TestRooms;

beforeAll(async () => {
  world = await startTestRooms({ readTtlMs: 1 });
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

async function ended(): Promise<Room> {
  const { streamKey } = await makeHost(world);
  const { roomId } = await publish(world, streamKey);
  const room = await world.rooms.end(roomId, 'enough');
  world.clock.advance(10);
  return room;
}

async function placeOf({ roomId }: Room): Promise<number | undefined> {
  const text = 'select archived_week from room where shard = $1 and room_id = $2';
  const values = [shardOfRoom(roomId), roomId];
  const { pool } = world.sql.shard(values[0]);
  return (await pool.query<{ archived_week: number }>(text, values)).rows[0]?.archived_week;
}

async function countCopies(roomIds: readonly number[]): Promise<number> {
  const text = 'select count(*)::int as count from archived_room where room_id = any($1)';
  const [{ pool }] = world.sql.archives();
  return (await pool.query<{ count: number }>(text, [roomIds])).rows[0].count;
}

test('an archiver that is killed between copy and confirmation loses nothing and doubles nothing', async () => {
  const rooms = await Promise.all(Array.from({ length: 10 }, () => ended()));
  const holders = await Promise.all(world.sql.shards().map((database) => database.openClient(60_000)));
  // Rooms can be read and copied, but not confirmed.
  for (const holder of holders) await holder.query('begin; lock table room_current in share mode');
  const { urls } = world.postgres;
  const child = startTestProcess('archiver-process.ts', { urls, nowMs: world.clock.nowMs() });
  const ids = rooms.map(({ roomId }) => roomId);
  await expect.poll(() => countCopies(ids), within).toBe(10);
  await endTestProcess(child, 'SIGKILL');
  // The server would still finish for the dead what it was asked to.
  for (const { pool } of world.sql.shards()) {
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'archiver'`,
    );
  }
  for (const holder of holders) {
    await holder.query('rollback');
    await holder.end();
  }
  expect(await Promise.all(rooms.map(placeOf))).toEqual(rooms.map(() => 0));
  for (const room of rooms) expect(await world.reads.room(room.roomId)).toEqual(room);
  const next = startTestProcess('archiver-process.ts', { urls, nowMs: world.clock.nowMs() });
  const placed = async () => (await Promise.all(rooms.map(placeOf))).every((week) => (week ?? 0) > 0);
  await expect.poll(placed, within).toBe(true);
  await endTestProcess(next, 'SIGTERM');
  expect(await countCopies(ids)).toBe(10);
  console.log('killed after the copy | 10 of 10 rooms copied once, confirmed by the next');
}, 60_000);

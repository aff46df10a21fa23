import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { createMetrics } from '@gala/lib/metrics';
import { moveShard } from '@gala/lib/shards';
import { composeRoomId, shardOfRoom } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Room } from '../room.ts';
import { findRoom } from '../store/rooms.ts';
import { listWeeks, weekOf } from '../store/weeks.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from '../testing.ts';
import { Archiver } from './archiver.ts';

const dayMs = 86_400_000;
const within = { timeout: 20_000, interval: 20 };
let world: TestRooms;

beforeAll(async () => {
  world = await startTestRooms({
    archiveSettleMs: 1,
    archiveEveryMs: 10,
    weeksEveryMs: 60_000,
    readTtlMs: 1,
  });
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

/**
 * Goal: a shard goes over with its rooms of every kind while they end and are archived, and none is lost or comes twice.
 * Method: rooms of three weeks, of which the target has none; shows of one host begin and end during the move.
 */
test('a shard moves with the weeks of its rooms while they are archived', async () => {
  const { sql, logger, clock } = world;
  const processId = 'room-1';
  const metrics = createMetrics(processId);
  const database = sql.core();
  await using coord = await openPostgresCoord({ database, processId, clock: systemClock, logger, metrics });
  await using archiver = new Archiver({ ...world, coord, metrics });
  const { streamKey, hostId } = await makeHost(world);
  const show = async (): Promise<Room> => {
    const { roomId } = await publish(world, streamKey);
    const room = await world.rooms.end(roomId, 'enough');
    clock.advance(10);
    return room;
  };
  const shard = shardOfRoom(composeRoomId(hostId, 1));
  const from = sql.shards().findIndex(({ name }) => name === sql.shard(shard).name);
  const target = sql.shards()[1 - from];
  const rooms: Room[] = [];
  const isArchived = async ({ roomId }: Room): Promise<boolean> => {
    const text = 'select archived_week > 0 as yes from room where shard = $1 and room_id = $2';
    const { rows } = await sql.shard(shard).pool.query<{ yes: boolean }>(text, [shard, roomId]);
    return rows.length === 1 && rows[0].yes;
  };
  for (let week = 0; week < 3; week++) {
    const room = await show();
    rooms.push(room);
    await expect.poll(() => isArchived(room), within).toBe(true);
    clock.advance(7 * dayMs);
  }
  for (const week of (await listWeeks(target.pool)).filter((each) => each < weekOf(clock.nowMs()))) {
    await target.pool.query(`drop table room_week_${week}`);
  }
  const moving = moveShard({
    sql,
    shard,
    to: 1 - from,
    onStep: async (step) => {
      if (step === 'staged' || step === 'copied' || step === 'caughtUp') rooms.push(await show());
    },
  });
  await moving;
  rooms.push(await show());
  await expect.poll(async () => (await Promise.all(rooms.map(isArchived))).every(Boolean), within).toBe(true);
  await archiver[Symbol.asyncDispose]();
  expect(sql.shard(shard).name).toBe(target.name);
  for (const room of rooms) {
    expect(await findRoom(target.pool, room.roomId)).toEqual(room);
    expect(await world.reads.room(room.roomId)).toEqual(room);
  }
  const [{ pool: archive }] = sql.archives();
  const { rows } = await archive.query<{ count: number }>('select count(*)::int as count from archived_room');
  expect(rows[0].count).toBe(rooms.length);
  const left = await sql.shards()[from].pool.query('select from room where shard = $1', [shard]);
  expect(left.rowCount).toBe(0);
}, 60_000);

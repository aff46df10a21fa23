import { createMetrics } from '@gala/lib/metrics';
import { shardOfRoom } from '@gala/protocol/ids';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Room } from '../room.ts';
import { findRoom } from '../store/rooms.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from '../testing.ts';
import { OngoingRooms } from './ongoing-rooms.ts';
import type { OngoingRow } from './room-table.ts';

let world: TestRooms;
beforeAll(async () => {
  world = await startTestRooms();
}, 60_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const { pool } of world.sql.shards()) await pool.query(`update room set state = 'ended'`);
});

/** A replica that is told nothing but by its refreshes and the test. */
function openReplica(): OngoingRooms {
  return new OngoingRooms({ ...world, metrics: createMetrics('replica') });
}

async function onAir(): Promise<Room> {
  const { streamKey } = await makeHost(world);
  return publish(world, streamKey);
}

const poolOf = ({ roomId }: Room) => world.sql.shard(shardOfRoom(roomId)).pool;
const endQuietly = (room: Room) =>
  poolOf(room).query(`update room set state = 'ended' where room_id = $1`, [room.roomId]);

async function rowOf(room: Room): Promise<OngoingRow> {
  const { roomId, version, epoch, startedAtMs, edgeId, title, state } = (await findRoom(
    poolOf(room),
    room.roomId,
  ))!;
  const at = { roomId, version, epoch, startedAtMs, edgeId };
  return { ...at, isHeld: state === 'hold', isPublic: true, areaId: '', title: Buffer.from(title) };
}

test('a refresh shows what the databases have, of all shards, and nothing else', async () => {
  const rooms = await Promise.all(Array.from({ length: 12 }, onAir));
  await endQuietly(rooms[0]);
  const replica = openReplica();
  expect(replica.isComplete).toBe(false);
  expect(await replica.refresh()).toMatchObject({ failures: [] });
  expect(replica.isComplete).toBe(true);
  expect(replica.size).toBe(11);
  expect(replica.has(rooms[0].roomId)).toBe(false);
  const { roomId, hostId, epoch, version, startedAtMs, edgeId, title } = rooms[5];
  const expected = {
    roomId,
    hostId,
    epoch,
    version,
    startedAtMs,
    edgeId,
    title,
    state: 'live',
    visibility: 'public',
  };
  expect(replica.get(roomId)).toMatchObject(expected);
  const seen = [0, 1, 2].flatMap((index) => [...replica.partition(index, 3)].map((room) => room.roomId));
  expect(seen).toHaveLength(11);
});

test('what this process commits is there at once', async () => {
  const room = await onAir();
  expect(world.ongoing.get(room.roomId)).toMatchObject({ state: 'live', version: 1 });
  await world.rooms.report({ ...room, reportSequence: 1, event: 'held', reason: '' });
  expect(world.ongoing.get(room.roomId)).toMatchObject({ state: 'hold', version: 2 });
  await world.rooms.end(room.roomId, '');
  expect(world.ongoing.has(room.roomId)).toBe(false);
});

test('what comes late, twice or in the wrong order changes nothing', async () => {
  const room = await onAir();
  const began = await rowOf(room);
  await world.rooms.end(room.roomId, '');
  const ended = await rowOf(room);
  const replica = openReplica();
  expect(replica.tell(began, true)).toBe(true);
  expect(replica.tell(began, true)).toBe(false);
  expect(replica.tell(ended, false)).toBe(true);
  expect(replica.tell(began, true)).toBe(false);
  expect(replica.has(room.roomId)).toBe(false);
  const other = openReplica();
  expect(other.tell(ended, false)).toBe(true);
  expect(other.tell(began, true)).toBe(false);
  expect(other.size).toBe(0);
});

test('a refresh mends what was missed: begins, ends and changes, and counts it as missed when nobody tells it', async () => {
  const [kept, ending, changing] = await Promise.all([onAir(), onAir(), onAir()]);
  const replica = openReplica();
  await replica.refresh();
  await endQuietly(ending);
  await poolOf(changing).query(`update room set title = 'other' where room_id = $1`, [changing.roomId]);
  const beginning = await onAir();
  await replica.refresh(true);
  expect(replica.get(changing.roomId)?.title).toBe('other');
  expect([kept, beginning].map(({ roomId }) => replica.has(roomId))).toEqual([true, true]);
  expect(replica.has(ending.roomId)).toBe(false);
  expect(replica.countMissed()).toBe(0);
  replica.tell(await rowOf(ending), false);
  world.clock.advance(5000);
  expect(replica.countMissed()).toBe(2);
  expect(replica.countMissed()).toBe(0);
});

test('a change that is told while a refresh reads is kept, whichever of the two is newer', async () => {
  const [ending, beginning] = await Promise.all([onAir(), onAir()]);
  const replica = openReplica();
  await replica.refresh();
  const before = await rowOf(ending);
  const refreshing = replica.refresh();
  replica.tell({ ...before, version: before.version + 1 }, false);
  replica.tell({ ...(await rowOf(beginning)), roomId: beginning.roomId + 1, version: 1 }, true);
  await refreshing;
  expect(replica.has(ending.roomId)).toBe(false);
  expect(replica.has(beginning.roomId + 1)).toBe(true);
  await replica.refresh();
  expect(replica.has(ending.roomId)).toBe(true);
  expect(replica.has(beginning.roomId + 1)).toBe(false);
});

test('a database that went back to an older state is right', async () => {
  const room = await onAir();
  const replica = openReplica();
  await replica.refresh();
  replica.tell({ ...(await rowOf(room)), version: 70, title: Buffer.from('later') }, true);
  await replica.refresh();
  expect(replica.get(room.roomId)).toMatchObject({ version: 1, title: 'a show' });
});

test('rooms of a database that cannot be read stay as they are, and those of the others are right', async () => {
  const rooms = await Promise.all(Array.from({ length: 8 }, onAir));
  const [broken] = world.sql.shards();
  const replica = openReplica();
  await replica.refresh();
  for (const room of rooms) await endQuietly(room);
  await broken.pool.query('alter table room rename to room_away');
  const { failures } = await replica.refresh();
  await broken.pool.query('alter table room_away rename to room');
  expect(failures).toHaveLength(1);
  const left = rooms.filter((room) => replica.has(room.roomId));
  expect(left).toEqual(
    rooms.filter((room) => world.sql.shard(shardOfRoom(room.roomId)).name === broken.name),
  );
  await replica.refresh();
  expect(replica.size).toBe(0);
});

test('rooms of a shard that the database does not own are not its to tell', async () => {
  const room = await onAir();
  const replica = openReplica();
  await replica.refresh();
  const shard = shardOfRoom(room.roomId);
  await poolOf(room).query('update shard_owner set shard = -1 where shard = $1', [shard]);
  await endQuietly(room);
  await replica.refresh();
  expect(replica.has(room.roomId)).toBe(true);
  await poolOf(room).query('update shard_owner set shard = $1 where shard = -1', [shard]);
  await replica.refresh();
  expect(replica.has(room.roomId)).toBe(false);
});

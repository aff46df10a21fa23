import { shardOfRoom } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { observed, type EdgeStream } from './heart-beats.ts';
import type { Room } from './room.ts';
import { findRoom } from './store/rooms.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from './testing.ts';

let world: TestRooms;
beforeAll(async () => {
  world = await startTestRooms();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

let edgesMade = 0;

async function onAir(edgeId = `media-${++edgesMade}`) {
  const { streamKey } = await makeHost(world);
  return { edgeId, streamKey, room: await publish(world, streamKey, edgeId) };
}

const carried = (room: Room, change: Partial<EdgeStream> = {}): EdgeStream => ({
  roomId: room.roomId,
  epoch: room.epoch,
  viewers: 0,
  held: false,
  relayed: false,
  ...change,
});

const databaseOf = ({ roomId }: Room) => world.sql.shard(shardOfRoom(roomId)).name;

async function stored({ roomId }: Room): Promise<Room> {
  const room = await findRoom(world.sql.shard(shardOfRoom(roomId)).pool, roomId);
  return room!;
}

test('viewers of many rooms on many edges arrive in their rows', async () => {
  const shows = await Promise.all(Array.from({ length: 12 }, () => onAir()));
  const answers = shows.map(({ edgeId, room }, index) =>
    world.heartBeats.report(edgeId, [carried(room, { viewers: index + 1 })]),
  );
  expect((await Promise.all(answers)).flat()).toEqual([]);
  const rooms = await Promise.all(shows.map(({ room }) => stored(room)));
  expect(rooms.map(({ viewers }) => viewers)).toEqual(shows.map((_, index) => index + 1));
});

test('a database that crashes loses its counts, and nobody sees it', async () => {
  const { edgeId, room } = await onAir();
  const { pool } = world.sql.shard(shardOfRoom(room.roomId));
  const shown = async () => {
    world.clock.advance(world.config.readTtlMs + 1);
    const both = [await world.reads.room(room.roomId), await world.reads.presentRoom(room.hostId)];
    return both.map((each) => each?.viewers);
  };
  const beat = (viewers: number) => world.heartBeats.report(edgeId, [carried(room, { viewers })]);
  expect(await shown()).toEqual([0, 0]);
  await beat(6);
  expect(await shown()).toEqual([6, 6]);
  // What its recovery does to a table that is not logged.
  await pool.query('truncate room_viewers');
  expect(await shown()).toEqual([6, 6]);
  await beat(2);
  expect(await shown()).toEqual([2, 2]);
  await pool.query('truncate room_viewers');
  await beat(0);
  expect(await shown()).toEqual([0, 0]);
});

test('an edge must stop what has ended and what another edge took over', async () => {
  const { edgeId, room, streamKey } = await onAir();
  const { room: other } = await onAir(edgeId);
  await world.rooms.end(other.roomId, '');
  const streams = [carried(room, { viewers: 3 }), carried(other)];
  expect(await world.heartBeats.report(edgeId, streams)).toEqual([other.roomId]);
  const newest = await publish(world, streamKey, 'media-other');
  expect(await world.heartBeats.report(edgeId, [carried(room)])).toEqual([room.roomId]);
  expect(await world.heartBeats.report('media-other', [carried(newest)])).toEqual([]);
});

test('an edge that has not yet seen the newer publisher of its own is left alone', async () => {
  const { edgeId, room, streamKey } = await onAir();
  await publish(world, streamKey, edgeId);
  expect(await world.heartBeats.report(edgeId, [carried(room, { viewers: 8 })])).toEqual([]);
  expect(await stored(room)).toMatchObject({ state: 'live', epoch: 2, viewers: undefined });
});

test('viewers of copies count for the room, whichever beat comes first, until their edge is silent', async () => {
  const { edgeId, room } = await onAir();
  const copy = (viewers: number) => [carried(room, { viewers, relayed: true })];
  expect(await world.heartBeats.report('media-copy-1', copy(5))).toEqual([]);
  expect(await world.heartBeats.report('media-copy-2', copy(7))).toEqual([]);
  const owned = [carried(room, { viewers: 2 })];
  await world.heartBeats.report(edgeId, owned);
  expect(await stored(room)).toMatchObject({ viewers: 14, state: 'live', edgeId });
  await world.heartBeats.report('media-copy-1', []);
  await world.heartBeats.report(edgeId, owned);
  expect(await stored(room)).toMatchObject({ viewers: 9 });
  world.clock.advance(10_000);
  await world.heartBeats.report('media-copy-1', copy(1));
  await world.heartBeats.report(edgeId, owned);
  expect(await stored(room)).toMatchObject({ viewers: 3 });
});

test('a copy is stopped when its room has ended, and not because another edge owns it', async () => {
  const { edgeId, room } = await onAir();
  const copy = [carried(room, { relayed: true })];
  world.clock.advance(world.config.silentMsMax);
  expect(await world.heartBeats.report('media-copy', copy)).toEqual([]);
  expect(await stored(room)).toMatchObject({ state: 'live', edgeId });
  await world.rooms.end(room.roomId, '');
  expect(await world.heartBeats.report('media-copy', copy)).toEqual([room.roomId]);
});

test('a room that its edge no longer names is held once it is clear that it should', async () => {
  const { edgeId, room } = await onAir();
  world.clock.advance(world.config.silentMsMax - 1);
  await world.heartBeats.report(edgeId, []);
  expect(await stored(room)).toMatchObject({ state: 'live' });
  world.clock.advance(1);
  await world.heartBeats.report(edgeId, []);
  expect(await stored(room)).toMatchObject({ state: 'hold', heldAtMs: world.clock.nowMs() });
});

test('a lost report is made up for: a carried room is live, a held one is on hold', async () => {
  const { edgeId, room } = await onAir();
  world.clock.advance(world.config.settleMs);
  await world.heartBeats.report(edgeId, [carried(room, { held: true, viewers: 6 })]);
  expect(await stored(room)).toMatchObject({ state: 'hold', viewers: 6 });
  world.clock.advance(world.config.settleMs);
  await world.heartBeats.report(edgeId, [carried(room)]);
  expect(await stored(room)).toMatchObject({ state: 'live', epoch: 1, heldAtMs: 0 });
});

test('a heart-beat older than the last change corrects nothing', () => {
  const room = { epoch: 2, changedAtMs: 1000 } as Room;
  const limits = { silentMsMax: 10_000, settleMs: 3000, holdMs: 30_000 };
  const stream = { roomId: 1, epoch: 2, viewers: 0, held: false, relayed: false };
  const at = (nowMs: number) => ({ limits, nowMs });
  expect(observed(room, stream, at(3999))).toBeUndefined();
  expect(observed(room, stream, at(4000))).toBe('carried');
  expect(observed(room, { ...stream, held: true }, at(4000))).toBe('carriedHeld');
  expect(observed(room, { ...stream, epoch: 1 }, at(10_999))).toBeUndefined();
  expect(observed(room, undefined, at(11_000))).toBe('missing');
});

test('a database that hangs holds up neither the rooms of the others nor their edges', async () => {
  const edgeId = `media-${++edgesMade}`;
  const shows = await Promise.all(Array.from({ length: 8 }, () => onAir(edgeId)));
  const [stuck, sound] = world.sql.shards();
  const on = (name: string) => shows.filter(({ room }) => databaseOf(room) === name).map(({ room }) => room);
  const [endedThere, endedHere] = [on(stuck.name)[0], on(sound.name)[0]];
  for (const { roomId } of [endedThere, endedHere]) await world.rooms.end(roomId, '');
  const client = await stuck.openClient();
  await client.query('begin; lock table room in access exclusive mode');
  const streams = shows.map(({ room }) => carried(room));
  expect(await world.heartBeats.report(edgeId, streams)).toEqual([endedHere.roomId]);
  await client.end();
  const stops = async () => new Set(await world.heartBeats.report(edgeId, streams));
  await expect.poll(stops).toEqual(new Set([endedThere.roomId, endedHere.roomId]));
});

test('while a database is down nothing is ordered to stop, and afterwards all goes on', async () => {
  const { edgeId, room } = await onAir();
  await world.rooms.end(room.roomId, '');
  await world.postgres.stop();
  expect(await world.heartBeats.report(edgeId, [carried(room)])).toEqual([]);
  await world.postgres.start();
  await expect
    .poll(() => world.heartBeats.report(edgeId, [carried(room)]), { timeout: 10_000 })
    .toEqual([room.roomId]);
});

import { composeRoomId, shardOfRoom } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Room } from './room.ts';
import type { StreamEvent } from './rooms.ts';
import { saveViewers } from './store/live.ts';
import { findRoom, saveRooms } from './store/rooms.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from './testing.ts';

let world: TestRooms;
beforeAll(async () => {
  world = await startTestRooms();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

async function onAir(): Promise<Room & { streamKey: string }> {
  const { streamKey } = await makeHost(world);
  return { ...(await publish(world, streamKey)), streamKey };
}

const report = (room: Room, reportSequence: number, event: StreamEvent) =>
  world.rooms.report({ ...room, reportSequence, event, reason: `${event}, says the edge` });

test('a broadcast goes from its first key frame over a hold to its end', async () => {
  const room = await onAir();
  const started = await report(room, 1, 'started');
  expect(started).toMatchObject({
    order: 'goOn',
    room: { state: 'live', keyFrameAtMs: world.clock.nowMs() },
  });
  world.clock.advance(500);
  const held = await report(room, 2, 'held');
  expect(held).toMatchObject({ order: 'goOn', room: { state: 'hold', heldAtMs: world.clock.nowMs() } });
  const back = await report(room, 3, 'started');
  expect(back).toMatchObject({ order: 'goOn', room: { state: 'live', heldAtMs: 0 } });
  expect(back.room?.keyFrameAtMs).toBe(started.room?.keyFrameAtMs);
  const stopped = await report(room, 4, 'stopped');
  expect(stopped).toMatchObject({
    order: 'stop',
    room: { state: 'ended', endReason: 'stopped, says the edge', edgeId: '' },
  });
  expect(await world.rooms.get(room.roomId)).toEqual(stopped.room);
});

test('a report told again changes nothing and gets the order of the room as it is', async () => {
  const room = await onAir();
  const held = await report(room, 5, 'held');
  world.clock.advance(1000);
  expect(await report(room, 5, 'held')).toEqual(held);
  expect(await report(room, 4, 'stopped')).toEqual(held);
  await report(room, 6, 'stopped');
  expect(await report(room, 5, 'held')).toMatchObject({ order: 'stop', room: { state: 'ended' } });
});

test('a fenced publisher, a foreign edge and an unknown room are told to stop', async () => {
  const room = await onAir();
  const newest = await publish(world, room.streamKey, 'media-b');
  expect(await report(room, 9, 'stopped')).toMatchObject({
    order: 'stop',
    room: { state: 'live', epoch: 2 },
  });
  const foreign = { ...newest, edgeId: 'media-c' };
  expect(await report(foreign, 1, 'held')).toMatchObject({ order: 'stop', room: { state: 'live' } });
  const unknown = { ...newest, roomId: composeRoomId(newest.hostId, 77) };
  expect(await report(unknown, 1, 'held')).toMatchObject({ order: 'stop', room: undefined });
  expect(await report(newest, 1, 'held')).toMatchObject({ order: 'goOn', room: { state: 'hold' } });
});

test('a host schedules one room; again rewrites it, on air it is refused', async () => {
  const { hostId, streamKey } = await makeHost(world);
  const first = await world.rooms.schedule({ hostId, title: 'one', visibility: undefined });
  const again = await world.rooms.schedule({ hostId, title: 'two', visibility: 'private' });
  expect(again).toMatchObject({ roomId: first.roomId, title: 'two', visibility: 'private' });
  expect(await world.rooms.present(hostId)).toMatchObject({ roomId: first.roomId, title: 'two' });
  await publish(world, streamKey);
  const refused = world.rooms.schedule({ hostId, title: 'three', visibility: undefined });
  await expect(refused).rejects.toMatchObject({ code: 'ROOM_LIVE' });
});

test('ending is final, keeps its first reason and lets the next publish begin a new room', async () => {
  const room = await onAir();
  const ended = await world.rooms.end(room.roomId, 'rules');
  expect(ended).toMatchObject({ state: 'ended', endReason: 'rules', endedAtMs: world.clock.nowMs() });
  world.clock.advance(5);
  expect(await world.rooms.end(room.roomId, 'other')).toEqual(ended);
  expect(await world.rooms.present(room.hostId)).toEqual(ended);
  const next = await publish(world, room.streamKey);
  expect(next.roomId).toBe(room.roomId + 1);
  expect(await world.rooms.present(room.hostId)).toMatchObject({ roomId: next.roomId });
  const unknown = world.rooms.end(composeRoomId(room.hostId, 99), '');
  await expect(unknown).rejects.toMatchObject({ code: 'ROOM_UNKNOWN' });
});

test('a host profile exists once, and a change reaches the room on air', async () => {
  const { hostId, streamKey } = await makeHost(world);
  const twice = world.hosts.create({ hostId, name: 'again', title: '' });
  await expect(twice).rejects.toMatchObject({ code: 'HOST_EXISTS' });
  const { roomId } = await publish(world, streamKey);
  await world.hosts.update(hostId, { title: 'late show', visibility: 'private' });
  const expected = { title: 'late show', visibility: 'private' };
  expect(await world.rooms.get(roomId)).toMatchObject({ ...expected, state: 'live' });
  expect(await world.hosts.get(hostId)).toMatchObject({ ...expected, sessionCount: 1 });
  await expect(world.hosts.get(2 ** 27)).rejects.toMatchObject({ code: 'HOST_UNKNOWN' });
  for (const title of ['x'.repeat(121), 'a\0b', 'two\nlines']) {
    await expect(world.hosts.update(hostId, { title })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  }
  expect(await world.rooms.end(roomId, 'bad\0 words\n')).toMatchObject({ endReason: 'bad words' });
});

test('what a stream is made of is kept, and changes with a further start', async () => {
  const { streamKey } = await makeHost(world);
  const room = await publish(world, streamKey);
  expect(room).toMatchObject({ videoCodec: '', audioCodec: '' });
  const told = (reportSequence: number, event: StreamEvent, videoCodec: string) =>
    world.rooms.report({
      ...room,
      reportSequence,
      event,
      reason: '',
      codecs: { videoCodec, audioCodec: 'mp4a.40.2', renditions: '540,360' },
    });
  await told(1, 'started', 'avc1.64001f');
  const first = await world.rooms.get(room.roomId);
  expect(first).toMatchObject({ videoCodec: 'avc1.64001f', audioCodec: 'mp4a.40.2', state: 'live' });
  expect(first).toMatchObject({ renditions: '540,360' });
  world.clock.advance(5_000);
  await told(2, 'started', 'hvc1.1.6.L93.B0');
  await told(3, 'held', '');
  const then = await world.rooms.get(room.roomId);
  expect(then).toMatchObject({ videoCodec: 'hvc1.1.6.L93.B0', state: 'hold' });
  expect(then.keyFrameAtMs).toBe(first.keyFrameAtMs);
});

test('whatever changes a row gives it the next version, and viewers change none', async () => {
  const room = await onAir();
  expect(room.version).toBe(1);
  const held = await report(room, 1, 'held');
  expect(held.room?.version).toBe(2);
  expect((await report(room, 1, 'held')).room?.version).toBe(2);
  const { version } = await world.hosts.get(room.hostId);
  const changed = await world.hosts.update(room.hostId, { title: 'renamed' });
  expect(changed.version).toBe(version + 1);
  expect((await world.hosts.update(room.hostId, { title: 'renamed' })).version).toBe(version + 1);
  const { pool } = world.sql.shard(shardOfRoom(room.roomId));
  await saveViewers(pool, [{ roomId: room.roomId, epoch: room.epoch, viewers: 7 }]);
  expect(await findRoom(pool, room.roomId)).toMatchObject({ version: 3, viewers: 7, title: 'renamed' });
  await pool.query(`update room set title = 'by hand' where shard = $1 and room_id = $2`, [
    shardOfRoom(room.roomId),
    room.roomId,
  ]);
  expect(await findRoom(pool, room.roomId)).toMatchObject({ version: 4, title: 'by hand' });
  const ended = await world.rooms.end(room.roomId, 'over');
  expect(ended).toMatchObject({ version: 5, viewers: 0 });
  const left = await pool.query('select from room_viewers where room_id = $1', [room.roomId]);
  expect(left.rowCount).toBe(0);
});

test('a change made for an older version of the row is not applied', async () => {
  const room = await onAir();
  const { pool } = world.sql.shard(shardOfRoom(room.roomId));
  await report(room, 8, 'started');
  const late = await saveRooms(pool, [{ before: room, after: { ...room, state: 'hold' } }]);
  expect(late.size).toBe(0);
  expect(await findRoom(pool, room.roomId)).toMatchObject({ state: 'live', reportSequence: 8, version: 2 });
});

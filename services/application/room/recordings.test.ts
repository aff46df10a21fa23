import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Recording } from './recordings.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from './testing.ts';

let world: TestRooms;
beforeAll(async () => {
  world = await startTestRooms();
});
afterAll(() => world[Symbol.asyncDispose]());

async function recorded(change: Partial<Recording> = {}): Promise<Recording & { hostId: number }> {
  const { streamKey, hostId } = await makeHost(world);
  const { roomId } = await publish(world, streamKey);
  const recording: Recording = {
    roomId,
    startedAtMs: 1000,
    format: 'mp4',
    folder: 'media',
    durationMs: 0,
    bytes: 0,
    state: 'recording',
    reason: '',
    ...change,
  };
  await world.recordings.report(recording);
  return { ...recording, hostId };
}

test('a recording is listed while it grows and when it is done, in the order of time', async () => {
  const { hostId, ...first } = await recorded({ startedAtMs: 2000 });
  expect(await world.recordings.ofRoom(first.roomId)).toEqual([first]);
  const done: Recording = { ...first, state: 'done', durationMs: 5000, bytes: 70, reason: 'held' };
  await world.recordings.report(done);
  await world.recordings.report({ ...first, startedAtMs: 1500, format: 'flv' });
  const found = await world.recordings.ofRoom(first.roomId);
  expect(found).toEqual([expect.objectContaining({ startedAtMs: 1500, format: 'flv' }), done]);
  const [room, ...others] = await world.recordings.ofHost(hostId, { limit: 10, beforeRoomId: 0 });
  expect(others).toEqual([]);
  expect(room).toMatchObject({ room: { roomId: first.roomId, hostId, state: 'live' }, recordings: found });
  expect(await world.recordings.ofHost(hostId, { limit: 10, beforeRoomId: first.roomId })).toEqual([]);
});

test('reports may come twice and late: what has ended does not begin again, what is removed stays so', async () => {
  const { hostId: _, ...begun } = await recorded();
  const states = async () => (await world.recordings.ofRoom(begun.roomId)).map(({ state }) => state);
  await world.recordings.report({ ...begun, state: 'failed', reason: 'disk_full' });
  await world.recordings.report(begun);
  expect(await states()).toEqual(['failed']);
  await world.recordings.report({ ...begun, state: 'removed' });
  await world.recordings.report({ ...begun, state: 'done' });
  expect(await states()).toEqual([]);
});

test('what is removed is hidden at once, and waits for the edge that has it', async () => {
  const folder = 'media-of-removals';
  const [one, other] = [await recorded({ folder }), await recorded({ folder, state: 'done' })];
  await world.recordings.remove(one.roomId);
  await world.recordings.remove(other.roomId);
  expect(await world.recordings.ofRoom(one.roomId)).toEqual([]);
  const removals = async () => (await world.recordings.removals(folder)).map(({ roomId }) => roomId);
  expect(new Set(await removals())).toEqual(new Set([one.roomId, other.roomId]));
  // The edge says what became of it before it knew.
  await world.recordings.report({ ...one, state: 'done', durationMs: 9 });
  expect(await removals()).toContain(one.roomId);
  await world.recordings.report({ ...one, state: 'removed' });
  expect(await removals()).toEqual([other.roomId]);
  expect(await world.recordings.removals('another')).toEqual([]);
});

test('pages of a host go from the newest room back, and end', async () => {
  const { streamKey, hostId } = await makeHost(world);
  const roomIds: number[] = [];
  for (let session = 0; session < 3; session++) {
    const { roomId } = await publish(world, streamKey);
    roomIds.unshift(roomId);
    const base = { roomId, folder: 'media', durationMs: 1, bytes: 1, state: 'done', reason: '' } as const;
    for (const startedAtMs of [1, 2]) await world.recordings.report({ ...base, startedAtMs, format: 'mp4' });
    await world.rooms.end(roomId, 'over');
  }
  const page = async (limit: number, beforeRoomId: number) =>
    (await world.recordings.ofHost(hostId, { limit, beforeRoomId })).map((each) => [
      each.room.roomId,
      each.recordings.length,
    ]);
  expect(await page(2, 0)).toEqual([
    [roomIds[0], 2],
    [roomIds[1], 2],
  ]);
  expect(await page(2, roomIds[1])).toEqual([[roomIds[2], 2]]);
});

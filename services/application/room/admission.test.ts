import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { sessionCount, shardOfUser, splitRoomId } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Admission } from './admission.ts';
import { RoomEvents } from './events.ts';
import { findHost, saveHost } from './store/hosts.ts';
import { createStreamKey } from './stream-key.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from './testing.ts';

let world: TestRooms;
beforeAll(async () => {
  world = await startTestRooms({ beginsPerHourMax: 3 });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('the first publish begins session 1, live under epoch 1', async () => {
  const { hostId, streamKey } = await makeHost(world);
  const room = await publish(world, streamKey);
  expect(room).toMatchObject({ hostId, state: 'live', epoch: 1, edgeId: 'media-a', title: 'a show' });
  expect(room.startedAtMs).toBe(world.clock.nowMs());
  expect(splitRoomId(room.roomId)).toEqual({ hostId, session: 1 });
});

test('20 publishers of one key at once share one room and get 20 epochs', async () => {
  const { streamKey } = await makeHost(world);
  const edges = Array.from({ length: 20 }, (_, index) => `media-${index}`);
  const rooms = await Promise.all(edges.map((edgeId) => publish(world, streamKey, edgeId)));
  expect(new Set(rooms.map(({ roomId }) => roomId)).size).toBe(1);
  const epochs = rooms.map(({ epoch }) => epoch).sort((a, b) => a - b);
  expect(epochs).toEqual(edges.map((_, index) => index + 1));
  const newest = rooms.find(({ epoch }) => epoch === 20);
  expect(await world.rooms.get(rooms[0].roomId)).toMatchObject({ epoch: 20, edgeId: newest?.edgeId });
});

test('a publisher who comes back within the hold resumes the room, one who comes later begins the next', async () => {
  const { hostId, streamKey } = await makeHost(world);
  const first = await publish(world, streamKey);
  const held = { ...first, reportSequence: 1, event: 'held', reason: '' } as const;
  await world.rooms.report(held);
  world.clock.advance(world.config.holdMs - 1);
  const resumed = await publish(world, streamKey, 'media-b');
  expect(resumed).toMatchObject({ roomId: first.roomId, state: 'live', epoch: 2, heldAtMs: 0 });
  expect(resumed.startedAtMs).toBe(first.startedAtMs);

  await world.rooms.report({ ...held, epoch: 2, edgeId: 'media-b' });
  world.clock.advance(world.config.holdMs);
  const next = await publish(world, streamKey);
  expect(splitRoomId(next.roomId)).toEqual({ hostId, session: 2 });
  const ended = await world.rooms.get(first.roomId);
  expect(ended).toMatchObject({ state: 'ended', endReason: 'hold_expired' });
});

test('a scheduled room is the one that begins', async () => {
  const { hostId, streamKey } = await makeHost(world);
  const scheduled = await world.rooms.schedule({ hostId, title: 'gala night', visibility: 'private' });
  expect(scheduled).toMatchObject({ state: 'created', epoch: 0 });
  const room = await publish(world, streamKey);
  const { roomId } = scheduled;
  expect(room).toMatchObject({ roomId, state: 'live', title: 'gala night', visibility: 'private' });
});

test('a check names the room that a publisher would get, and begins and fences nothing', async () => {
  const { hostId, streamKey } = await makeHost(world);
  const asked = { streamKey, edgeId: 'media-b', remoteAddress: '192.0.2.1' };
  const planned = (await world.admission.check(asked)).room;
  expect(planned).toMatchObject({ hostId, state: 'created', epoch: 0 });
  const begun = await publish(world, streamKey);
  expect(begun.roomId).toBe(planned.roomId);
  const checked = (await world.admission.check(asked)).room;
  expect(checked).toMatchObject({ roomId: begun.roomId, state: 'live', epoch: 1, edgeId: 'media-a' });
  expect(await world.rooms.get(begun.roomId)).toMatchObject({ epoch: 1, edgeId: 'media-a' });
  await world.rooms.end(begun.roomId, 'over');
  const next = (await world.admission.check(asked)).room;
  expect(splitRoomId(next.roomId)).toEqual({ hostId, session: 2 });
  const wrong = { ...asked, streamKey: `${streamKey}x` };
  await expect(world.admission.check(wrong)).rejects.toMatchObject({ code: 'STREAM_KEY_WRONG' });
});

test('wrong, foreign, malformed and rotated keys are refused alike', async () => {
  const { streamKey } = await makeHost(world);
  const other = await makeHost(world);
  const secret = streamKey.split('.')[1];
  const wrong = ['', 'nonsense', `${other.hostId}.${secret}`, `${2 ** 27}.${secret}`, `${streamKey}x`];
  for (const key of wrong) {
    await expect(publish(world, key)).rejects.toMatchObject({ code: 'STREAM_KEY_WRONG' });
  }
  const rotated = await world.hosts.rotateStreamKey(other.hostId);
  await expect(publish(world, other.streamKey)).rejects.toMatchObject({ code: 'STREAM_KEY_WRONG' });
  expect(await publish(world, rotated.streamKey)).toMatchObject({ hostId: other.hostId, state: 'live' });
});

test('a refusal is one line, and no line ever holds a key', async () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'test', level: 'trace', destination });
  const events = new RoomEvents({ logger, metrics: createMetrics('logged') });
  const logged = { ...world, admission: new Admission({ ...world, events }) };
  const { streamKey } = await makeHost(world);
  await publish(logged, streamKey);
  const wrong = createStreamKey(5).text;
  await expect(publish(logged, wrong)).rejects.toMatchObject({ code: 'STREAM_KEY_WRONG' });
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[1])).toMatchObject({ code: 'STREAM_KEY_WRONG', remoteAddress: '192.0.2.7' });
  for (const key of [streamKey, wrong]) expect(lines.join()).not.toContain(key.split('.')[1]);
});

test('on a full disk a running show takes its publisher back, and no new one begins', async () => {
  const [running, scheduled, fresh] = [await makeHost(world), await makeHost(world), await makeHost(world)];
  const { roomId, epoch } = await publish(world, running.streamKey);
  const planned = { hostId: scheduled.hostId, title: 'later', visibility: 'public' } as const;
  await world.rooms.schedule(planned);
  world.disk.isFull = true;
  try {
    expect(await publish(world, running.streamKey)).toMatchObject({ roomId, epoch: epoch + 1 });
    const held = { edgeId: 'media-a', reportSequence: 1, event: 'held', reason: '' } as const;
    await world.rooms.report({ roomId, epoch: epoch + 1, ...held });
    expect(await publish(world, running.streamKey)).toMatchObject({ roomId, state: 'live' });
    for (const { streamKey } of [scheduled, fresh]) {
      await expect(publish(world, streamKey)).rejects.toMatchObject({ code: 'DISK_FULL', http: 507 });
    }
  } finally {
    world.disk.isFull = false;
  }
  expect(await publish(world, fresh.streamKey)).toMatchObject({ state: 'live' });
});

test('a host begins only so many rooms an hour', async () => {
  const { streamKey } = await makeHost(world);
  for (let begun = 0; begun < 3; begun++) {
    const { roomId } = await publish(world, streamKey);
    await world.rooms.end(roomId, '');
    world.clock.advance(1000);
  }
  const refusal = { code: 'TOO_MANY_ROOMS', retryAfterSeconds: 3597 };
  await expect(publish(world, streamKey)).rejects.toMatchObject(refusal);
  world.clock.advance(3_597_000);
  expect(await publish(world, streamKey)).toMatchObject({ state: 'live' });
});

test('a host whose sessions are used up gets a coded refusal', async () => {
  const { hostId, streamKey } = await makeHost(world);
  await world.sql.tx(shardOfUser(hostId), async (client) => {
    const host = await findHost(client, hostId);
    await saveHost(client, { ...host!, sessionCount: sessionCount - 2 });
  });
  const last = await publish(world, streamKey);
  expect(splitRoomId(last.roomId).session).toBe(sessionCount - 1);
  await world.rooms.end(last.roomId, '');
  await expect(publish(world, streamKey)).rejects.toMatchObject({ code: 'SESSIONS_EXHAUSTED' });
});

test('a source is pulled for public hosts that have one, by one edge at a time', async () => {
  const { hostId, streamKey } = await makeHost(world);
  const pull = (edgeId: string) => world.admission.admitPull({ hostId, edgeId });
  await expect(pull('media-a')).rejects.toMatchObject({ code: 'SOURCE_UNSET' });
  const sourceUrl = 'rtmp://192.0.2.1/live/a';
  await world.hosts.updateMedia(hostId, { record: false, forwardUrls: [], sourceUrl });
  const { room, media } = await pull('media-a');
  expect(room).toMatchObject({ hostId, state: 'live', epoch: 1, edgeId: 'media-a' });
  expect(media.sourceUrl).toBe(sourceUrl);
  await expect(pull('media-b')).rejects.toMatchObject({ code: 'ROOM_LIVE' });
  expect((await pull('media-a')).room).toMatchObject({ roomId: room.roomId, epoch: 2 });
  const published = await publish(world, streamKey, 'media-b');
  expect(published).toMatchObject({ roomId: room.roomId, epoch: 3, edgeId: 'media-b' });
  await expect(pull('media-a')).rejects.toMatchObject({ code: 'ROOM_LIVE' });
  await world.hosts.update(hostId, { visibility: 'private' });
  await world.rooms.end(room.roomId, 'by_host');
  await expect(pull('media-a')).rejects.toMatchObject({ code: 'SOURCE_UNSET' });
  await expect(world.admission.admitPull({ hostId: hostId + 2 ** 30, edgeId: 'a' })).rejects.toMatchObject({
    code: 'HOST_UNKNOWN',
  });
});

import { describe, expect, test } from 'vitest';
import { Visibility } from '@gala/protocol/room';
import { connectRtmp } from '@gala/media-io/rtmp';
import { spawnChild } from '../../../../test/harness/native-child.ts';
import { waitFor } from '../../../../test/harness/wait.ts';
import { testBroadcast } from '../../../../media-io/av/testing.ts';
import { startTestEdge, type TestEdge } from '../testing-edge.ts';
import { CoverShelf } from './cover-shelf.ts';

const roomId = 2 ** 20 + 1;
const recorded = testBroadcast({ width: 1280, height: 720, pictures: 75, keyFrameEvery: 25 });

async function publish(edge: TestEdge) {
  const client = await connectRtmp(edge.rtmpUrl, { streamKey: edge.rooms.streamKey });
  await client.publish();
  for (const { kind, timestampMs, payload } of await recorded) {
    if (kind === 'video') client.sendVideo(timestampMs, payload);
    else client.sendAudio(timestampMs, payload);
  }
  return client;
}

const ask = (edge: TestEdge, path: string, init?: RequestInit): Promise<Response> =>
  fetch(`http://localhost:${edge.port}/live/${path}`, init);

describe('covers', () => {
  test('are there at the first key frame, by room and by name', async () => {
    await using edge = await startTestEdge({ spawn: spawnChild });
    await using _host = await publish(edge);
    await waitFor(async () => (await ask(edge, `${roomId}.jpg`)).ok, { what: 'a cover' });
    for (const path of [`${roomId}.jpg`, '@anna.jpg?t=1']) {
      const answer = await ask(edge, path);
      expect(answer.headers.get('content-type')).toBe('image/jpeg');
      expect(answer.headers.get('cache-control')).toBe('public, max-age=10');
      const etag = answer.headers.get('etag')!;
      const jpeg = Buffer.from(await answer.arrayBuffer());
      expect(jpeg.subarray(0, 3).toString('hex')).toBe('ffd8ff');
      expect(jpeg.readUInt16BE(jpeg.indexOf(Buffer.of(0xff, 0xc0)) + 7)).toBe(640);
      expect((await ask(edge, path, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    }
    // The interval has not passed: the other key frames are left alone.
    expect(await edge.metric('gala_covers_made_total')).toBe(1);
  });

  test('stay for a while when the room has ended', async () => {
    await using edge = await startTestEdge({ spawn: spawnChild, env: { GALA_COVERS_KEPT_MS: '300' } });
    await using _host = await publish(edge);
    await waitFor(async () => (await ask(edge, `${roomId}.jpg`)).ok, { what: 'a cover' });
    edge.rooms.stopRoomIds = [roomId];
    await waitFor(async () => !(await ask(edge, `${roomId}.jpg`)).ok, { what: 'its end' });
    expect(await edge.metric('gala_covers_kept')).toBe(0);
  });

  test('of private and unknown rooms are not there', async () => {
    await using edge = await startTestEdge({ spawn: spawnChild });
    edge.rooms.visibility = Visibility.PRIVATE;
    await using _host = await publish(edge);
    await waitFor(async () => (await edge.metric('gala_edge_streams')) === 1, { what: 'the stream' });
    for (const path of [`${roomId}.jpg`, '1.jpg', '@nobody.jpg']) {
      const answer = await ask(edge, path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: 'COVER_UNKNOWN' } });
    }
    expect((await ask(edge, `${roomId}.jpg`, { method: 'POST' })).status).toBe(405);
  });

  test('are bounded by count and by bytes', () => {
    const counters = { evicted: 0 };
    const shelf = new CoverShelf({ roomsMax: 3, bytesMax: 1000, counters });
    const cover = (size: number) => ({ jpeg: Buffer.alloc(size), etag: '', madeAtMs: 0 });
    for (const room of [1, 2, 3, 1, 4]) shelf.put(room, cover(100));
    expect([1, 2, 3, 4].map((room) => shelf.get(room) !== undefined)).toEqual([true, false, true, true]);
    shelf.put(5, cover(900));
    expect(shelf.bytes).toBeLessThanOrEqual(1000);
    expect(shelf.get(5)).toBeDefined();
    expect(counters.evicted).toBe(3);
  });
});

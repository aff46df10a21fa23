import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { parseVideoTag, type FlvTag } from '@gala/media/flv';
import { FlvUnitReader } from '@gala/media/mp4';
import { connectRtmp } from '@gala/media-io/rtmp';
import { describe, expect, test } from 'vitest';
import { spawnChild, spawnSilent } from '../../../../test/harness/native-child.ts';
import { waitFor } from '../../../../test/harness/wait.ts';
import { testBroadcast } from '../../../../media-io/av/testing.ts';
import { FlvReading } from '../testing.ts';
import { startTestEdge, type TestEdge } from '../testing-edge.ts';

/** A viewer of `/live/<path>`. */
function watch(edge: TestEdge, path: string) {
  const tags: FlvTag[] = [];
  const reading = new FlvReading();
  const state = { status: 0, code: '', ended: false };
  const request = get(
    { port: edge.port, path: `/live/${path}`, agent: false },
    (response: IncomingMessage) => {
      state.status = response.statusCode!;
      const isMedia = state.status === 200;
      const text: Buffer[] = [];
      response.on('data', (bytes: Buffer) =>
        isMedia ? tags.push(...reading.read(bytes)) : text.push(bytes),
      );
      response.on('close', () => {
        state.ended = true;
        if (!isMedia) state.code = JSON.parse(Buffer.concat(text).toString()).error.code;
      });
    },
  );
  request.on('error', () => (state.ended = true));
  return { tags, state, [Symbol.dispose]: () => request.destroy() };
}

const keyTimes = (tags: readonly FlvTag[]): number[] =>
  tags
    .filter(({ type, payload }) => type === 'video' && parseVideoTag(payload).isKeyFrame)
    .map((tag) => tag.timestampMs);

function sizeOf(tags: readonly FlvTag[]): string {
  const reader = new FlvUnitReader();
  for (const tag of tags) reader.read(tag, tag.timestampMs);
  const video = reader.configs.find((config) => config.kind === 'video');
  return video ? `${video.width}x${video.height}` : 'none';
}

/** Four seconds, made once for all tests. */
const recordedMs = 4_000;
const recorded = testBroadcast({ width: 1280, height: 720, pictures: 100, keyFrameEvery: 10 });

/** Publishes them again and again, as fast as they happen. */
async function broadcast(edge: TestEdge) {
  const messages = await recorded;
  const client = await connectRtmp(edge.rtmpUrl, { streamKey: edge.rooms.streamKey });
  await client.publish();
  const beganAtMs = performance.now();
  const timeOf = (index: number): number =>
    Math.floor(index / messages.length) * recordedMs + messages[index % messages.length].timestampMs;
  let next = 0;
  const timer = setInterval(() => {
    const dueMs = performance.now() - beganAtMs;
    for (; timeOf(next) <= dueMs; next++) {
      const { kind, payload } = messages[next % messages.length];
      const timestampMs = timeOf(next);
      if (kind === 'video') client.sendVideo(timestampMs, payload);
      else client.sendAudio(timestampMs, payload);
    }
  }, 10);
  return {
    client,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await client[Symbol.asyncDispose]();
    },
  };
}

const roomId = 2 ** 20 + 1;
const startEdge = (env: Record<string, string> = {}) =>
  startTestEdge({ spawn: spawnChild, env: { GALA_TRANSCODE_IDLE_MS: '1000', ...env } });

describe('renditions', () => {
  test('begin with their first viewer, have the key frames of the source, end unwatched', async () => {
    await using edge = await startEdge();
    await using _show = await broadcast(edge);
    using source = watch(edge, `${roomId}.flv`);
    {
      using small = watch(edge, `${roomId}_360p.flv`);
      using named = watch(edge, '@anna_540p.flv');
      await waitFor(() => keyTimes(small.tags).length > 3 && keyTimes(named.tags).length > 2, {
        what: 'pictures',
      });
      expect(sizeOf(small.tags)).toBe('640x360');
      expect(sizeOf(named.tags)).toBe('960x540');
      await waitFor(() => keyTimes(source.tags).at(-1)! >= keyTimes(small.tags).at(-1)!, {
        what: 'the source',
      });
      expect(keyTimes(source.tags)).toEqual(expect.arrayContaining(keyTimes(small.tags).slice(1)));
      expect(small.tags.some(({ type }) => type === 'audio')).toBe(true);
      expect(await edge.metric('gala_stream_viewers')).toBe(3);
      expect(await edge.metric('gala_transcode_streams')).toBe(1);
    }
    await waitFor(async () => (await edge.metric('gala_transcode_streams')) === 0, {
      what: 'the end of the ladder',
    });
    expect(source.state.ended).toBe(false);
    expect(edge.rooms.events).toEqual(['STARTED']);
  });

  test('come back when their process is killed, and the source does not notice', async () => {
    await using edge = await startTestEdge({
      spawn: (name) => {
        const child = spawnChild(name);
        pids.push(child.pid!);
        return child;
      },
    });
    const pids: number[] = [];
    await using _show = await broadcast(edge);
    using source = watch(edge, `${roomId}.flv`);
    using small = watch(edge, `${roomId}_360p.flv`);
    await waitFor(() => keyTimes(small.tags).length > 1, { what: 'pictures' });
    process.kill(pids[0], 'SIGKILL');
    await waitFor(() => pids.length > 1, { what: 'another process' });
    const before = keyTimes(small.tags).length;
    await waitFor(() => keyTimes(small.tags).length > before + 1, { what: 'pictures again' });
    expect(small.state.ended).toBe(false);
    expect(source.state.ended).toBe(false);
    const times = small.tags.filter(({ type }) => type === 'video').map(({ timestampMs }) => timestampMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('are variants of HLS, made once one is asked for', async () => {
    await using edge = await startEdge();
    await using _show = await broadcast(edge);
    const textOf = async (path: string): Promise<string> => {
      const answer = await fetch(`http://localhost:${edge.port}/live/${path}`);
      return answer.ok ? answer.text() : '';
    };
    const variants = await waitFor(() => textOf(`${roomId}.m3u8`), { what: 'a playlist' });
    expect(variants).toMatch(/RESOLUTION=960x540[^\n]*\n\d+_540p\/index\.m3u8/);
    expect(variants).toMatch(/RESOLUTION=640x360[^\n]*\n\d+_360p\/index\.m3u8/);
    expect(variants).not.toContain('_720p');
    expect(await edge.metric('gala_transcode_streams')).toBe(0);
    const playlist = await waitFor(() => textOf(`${roomId}_360p/index.m3u8`), { what: 'a rendition' });
    const [segment] = /segment-\d+\.m4s/.exec(playlist)!;
    expect((await fetch(`http://localhost:${edge.port}/live/${roomId}_360p/${segment}`)).status).toBe(200);
    expect(await edge.metric('gala_transcode_streams')).toBe(1);
  });

  test('of sound alone need no process', async () => {
    await using edge = await startTestEdge();
    await using _show = await broadcast(edge);
    using sound = watch(edge, `${roomId}_audio.flv`);
    await waitFor(() => sound.tags.length > 20, { what: 'sound' });
    expect(new Set(sound.tags.map(({ type }) => type))).toEqual(new Set(['audio']));
  });

  test('that do not exist, or are too many, are refused by a code', async () => {
    await using edge = await startEdge({ GALA_TRANSCODE_STREAMS_MAX: '0', GALA_TRANSCODE_BITRATE720P: '0' });
    await using _show = await broadcast(edge);
    const codeOf = async (path: string): Promise<string> => {
      using viewer = watch(edge, path);
      await waitFor(() => viewer.state.ended, { what: 'an answer' });
      return viewer.state.code;
    };
    await waitFor(async () => (await edge.metric('gala_edge_streams')) === 1, { what: 'the stream' });
    expect(await codeOf(`${roomId}_720p.flv`)).toBe('RENDITION_UNKNOWN');
    expect(await codeOf(`${roomId}_1080p.flv`)).toBe('RENDITION_UNKNOWN');
    expect(await codeOf(`${roomId}_360p.flv`)).toBe('TRANSCODE_BUSY');
    expect(await codeOf('@nobody_360p.flv')).toBe('STREAM_UNKNOWN');
    expect(await codeOf(`${roomId + 1}_360p.flv`)).toBe('STREAM_UNKNOWN');
  });

  test('without codecs are refused once that is known, and the stream goes on', async () => {
    const missing = JSON.stringify({ type: 'failed', code: 'NATIVE_MISSING' });
    const header = `4,0,0,0,0,0,0,0,0,0,0,${missing.length}`;
    const code = `process.stdout.write(Buffer.from([${header}])); process.stdout.write('${missing}')`;
    await using edge = await startTestEdge({ spawn: () => spawnSilent(code) });
    await using _show = await broadcast(edge);
    using source = watch(edge, `${roomId}.flv`);
    using first = watch(edge, `${roomId}_360p.flv`);
    await waitFor(() => first.state.ended, { what: 'the end of the rendition' });
    using second = watch(edge, `${roomId}_360p.flv`);
    await waitFor(() => second.state.ended, { what: 'an answer' });
    expect(second.state.code).toBe('TRANSCODE_UNAVAILABLE');
    expect(source.state.ended).toBe(false);
  });

  test('end with their source', async () => {
    await using edge = await startEdge();
    await using show = await broadcast(edge);
    using small = watch(edge, `${roomId}_360p.flv`);
    await waitFor(() => keyTimes(small.tags).length > 0, { what: 'pictures' });
    edge.rooms.stopRoomIds = [roomId];
    await waitFor(() => small.state.ended, { what: 'the end' });
    await show.client[Symbol.asyncDispose]();
  });
});

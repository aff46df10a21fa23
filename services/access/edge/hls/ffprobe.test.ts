import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connectRtmp } from '@gala/media-io/rtmp';
import { expect, test } from 'vitest';
import { readFlvTags } from '../../../../media/fixtures/flv.ts';
import { describeWithEngines } from '../../../../test/engines.ts';
import { startTestEdge, type TestEdge } from '../testing-edge.ts';
import { broadcast } from './testing.ts';

const tags = readFlvTags();
const lengthMs = 9000;

/** ffmpeg reads the init segment again after each reload of a live playlist, and is surprised to know it. */
const readsInitAgain =
  /^.*Found duplicated MOOV Atom\. Skipped it\n(?: +Last message repeated \d+ times\n)?/gm;

async function run(program: string, args: readonly string[]) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status: child.exitCode, out, said: said.replaceAll(readsInitAgain, '') };
}

/** Publishes in real time, and ends the room. */
async function broadcastNow(edge: TestEdge): Promise<void> {
  const { streamKey } = edge.rooms;
  await using client = await connectRtmp(edge.rtmpUrl, { streamKey, onClose: () => undefined });
  await client.publish();
  const beganMs = performance.now();
  for (const { kind, timestampMs, payload } of broadcast({ tags, toMs: lengthMs })) {
    const aheadMs = beganMs + timestampMs - performance.now();
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
    if (kind === 'video') client.sendVideo(timestampMs, payload);
    else client.sendAudio(timestampMs, payload);
  }
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  await expect.poll(() => edge.metric('gala_edge_streams_ended_total')).toBe(1);
}

interface Packet {
  readonly codec_type: 'video' | 'audio';
  readonly stream_index: number;
  readonly dts_time: string;
}

/** Times of what ffprobe read, for each stream that it found. */
function timesOf(packets: readonly Packet[]) {
  const streams = Map.groupBy(packets, ({ stream_index }) => stream_index);
  return [...streams.values()].map((of) => ({
    kind: of[0].codec_type,
    times: of.map(({ dts_time }) => Number(dts_time)),
  }));
}

/** Goal: a player that is not ours watches a live room to its end. Method: ffmpeg follows the addresses of the room. */
describeWithEngines('a live room in ffmpeg', ['ffmpeg'], ({ ffmpeg }) => {
  // ffprobe plays all variants at once: the sound of its own is one of them.
  const addresses = [
    { query: '', kinds: ['audio', 'audio', 'video'] },
    { query: '?container=ts', kinds: ['audio', 'audio', 'video'] },
    { query: '?only=audio', kinds: ['audio'] },
    { query: '?only=audio&container=ts', kinds: ['audio'] },
  ];

  test('every picture and sound of what is listed, in order, decoded without a word', async () => {
    // All of it stays listed, however late a player begins.
    await using edge = await startTestEdge({ env: { GALA_HLS_WINDOW_MS: '60000' } });
    const base = `http://127.0.0.1:${edge.port}/live/${edge.rooms.roomId}.m3u8`;
    const over = broadcastNow(edge);
    await expect.poll(() => edge.rooms.events).toContain('STARTED');
    const input = ['-v', 'warning', '-live_start_index', '0'];
    const look = async ({ query }: { query: string }) => {
      const url = `${base}${query}`;
      const probed = run(join(dirname(ffmpeg), 'ffprobe'), [...input, '-show_packets', '-of', 'json', url]);
      const decoded = run(ffmpeg, [...input, '-xerror', '-i', url, '-f', 'null', '-']);
      return { probed: await probed, decoded: await decoded };
    };
    const looks = addresses.map(look);
    await over;
    for (const [index, { kinds }] of addresses.entries()) {
      const { probed, decoded } = await looks[index];
      expect(decoded).toEqual({ status: 0, out: '', said: '' });
      expect([probed.status, probed.said]).toEqual([0, '']);
      const streams = timesOf((JSON.parse(probed.out) as { packets: Packet[] }).packets);
      expect(streams.map(({ kind }) => kind).toSorted()).toEqual(kinds);
      const wanted = { video: lengthMs / 40, audio: (lengthMs * 44.1) / 1024 };
      for (const { kind, times } of streams) {
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        // It may have begun a group of pictures late.
        expect(times.length).toBeGreaterThan(wanted[kind] * (1 - 1200 / lengthMs));
      }
    }
  }, 60_000);
});

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
  await expect.poll(() => edge.metric('gala_edge_streams_ended_total'), { timeout: 5000 }).toBe(1);
}

/** Goal: a player that is not ours watches a live room to its end. Method: ffmpeg follows the address of the room. */
describeWithEngines('a live room in ffmpeg', ['ffmpeg'], ({ ffmpeg }) => {
  test('every picture and sound of what is listed, in order, decoded without a word', async () => {
    await using edge = await startTestEdge();
    const url = `http://127.0.0.1:${edge.port}/live/${edge.rooms.roomId}.m3u8`;
    const over = broadcastNow(edge);
    await expect.poll(() => edge.rooms.events).toContain('STARTED');
    const input = ['-v', 'warning', '-live_start_index', '0'];
    const probed = run(join(dirname(ffmpeg), 'ffprobe'), [...input, '-show_packets', '-of', 'json', url]);
    const decoded = run(ffmpeg, [...input, '-xerror', '-i', url, '-f', 'null', '-']);
    await over;
    expect(await decoded).toEqual({ status: 0, out: '', said: '' });
    const { status, out, said } = await probed;
    expect([status, said]).toEqual([0, '']);
    const { packets }: { packets: { codec_type: string; dts_time: string }[] } = JSON.parse(out);
    const wanted = { video: lengthMs / 40, audio: (lengthMs * 44.1) / 1024 };
    for (const kind of ['video', 'audio'] as const) {
      const times = packets
        .filter(({ codec_type }) => codec_type === kind)
        .map(({ dts_time }) => Number(dts_time));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      // It may have begun a group of pictures late.
      expect(times.length).toBeGreaterThan(wanted[kind] * (1 - 1200 / lengthMs));
    }
  }, 60_000);
});

import { parseVideoTag } from '@gala/media/flv';
import { parseAvcDecoderRecord, parseAvcSps } from '@gala/media/h264';
import { FlvUnitReader } from '@gala/media/mp4';
import { describe, expect, test } from 'vitest';
import { chooseH264Encoder, Transcoder, VideoDecoder, type MediaMessage } from './index.ts';
import { testBroadcast } from './testing.ts';

const rungs = [
  { height: 360, bitsPerSecond: 600_000 },
  { height: 180, bitsPerSecond: 200_000 },
];

async function transcoder() {
  const out: MediaMessage[][] = rungs.map(() => []);
  const absent: number[] = [];
  const ladder = new Transcoder({
    rungs,
    encoder: await chooseH264Encoder(true),
    onMessage: (rung, message) => out[rung].push(message),
    onAbsent: (rung) => absent.push(rung),
  });
  return { ladder, out, absent, [Symbol.dispose]: () => ladder[Symbol.dispose]() };
}

const pictures = (messages: readonly MediaMessage[]) =>
  messages
    .filter(({ kind }) => kind === 'video')
    .map((message) => ({ ...message, tag: parseVideoTag(message.payload) }));
const keyTimes = (messages: readonly MediaMessage[]): number[] =>
  pictures(messages)
    .filter(({ tag }) => tag.isKeyFrame)
    .map(({ timestampMs }) => timestampMs);

/** What a player would see: sizes of the decoded pictures. */
async function decodedSizes(messages: readonly MediaMessage[]): Promise<string[]> {
  const reader = new FlvUnitReader();
  const sizes: string[] = [];
  using stack = new DisposableStack();
  let decoder: VideoDecoder | undefined;
  for (const { kind, payload, timestampMs } of messages) {
    const { config, unit } = reader.read({ type: kind, payload }, timestampMs);
    if (config?.kind === 'video') decoder = stack.use(await VideoDecoder.open(config));
    if (unit?.kind !== 'video' || !decoder) continue;
    for await (const { width, height } of decoder.decode({ payload: unit.payload, ptsMs: timestampMs })) {
      sizes.push(`${width}x${height}`);
    }
    expect(decoder.damaged).toBe(0);
  }
  return sizes;
}

describe('a ladder', () => {
  test('has its key frames, its times and its sound from the source', async () => {
    using running = await transcoder();
    const { ladder, out } = running;
    const source = await testBroadcast({
      width: 1280,
      height: 720,
      pictures: 30,
      keyFrameEvery: 10,
      originMs: 2 ** 40,
    });
    ladder.want(new Set([0, 1]));
    for (const message of source) await ladder.append(message);
    const sourceTimes = pictures(source).map(({ timestampMs }) => timestampMs);
    for (const [rung, { height }] of rungs.entries()) {
      expect(keyTimes(out[rung])).toEqual(keyTimes(source));
      expect(pictures(out[rung]).map(({ timestampMs }) => timestampMs)).toEqual(sourceTimes);
      expect(await decodedSizes(out[rung])).toEqual(Array(30).fill(`${(height * 16) / 9}x${height}`));
      const sound = out[rung].filter(({ kind }) => kind === 'audio').map(({ payload }) => payload);
      expect(sound).toEqual(source.filter(({ kind }) => kind === 'audio').map(({ payload }) => payload));
    }
    expect(ladder.damaged).toBe(0);
  });

  test('makes no rung that is not smaller, and none that nobody wants', async () => {
    using running = await transcoder();
    const { ladder, out, absent } = running;
    const source = await testBroadcast({ width: 640, height: 360, pictures: 12, keyFrameEvery: 6 });
    ladder.want(new Set([0, 1]));
    for (const message of source.slice(0, source.length / 2)) await ladder.append(message);
    ladder.want(new Set());
    const made = out[1].length;
    for (const message of source.slice(source.length / 2)) await ladder.append(message);
    expect(absent).toEqual([0]);
    expect(out[0]).toEqual([]);
    expect(out[1]).toHaveLength(made);
  });

  test('begins a rung with a key frame at the next picture', async () => {
    using running = await transcoder();
    const { ladder, out } = running;
    const source = await testBroadcast({ width: 640, height: 360, pictures: 20, keyFrameEvery: 10 });
    const fifth = source.findIndex(({ kind, timestampMs }) => kind === 'video' && timestampMs === 200);
    for (const message of source.slice(0, fifth)) await ladder.append(message);
    ladder.want(new Set([1]));
    for (const message of source.slice(fifth)) await ladder.append(message);
    expect(keyTimes(out[1])).toEqual([200, 400]);
    const [metadata, , set] = out[1];
    expect([metadata.kind, out[1][1].kind]).toEqual(['data', 'audio']);
    expect(parseVideoTag(set.payload).isSequenceHeader).toBe(true);
  });

  test('follows another size of the source, upright too', async () => {
    using running = await transcoder();
    const { ladder, out } = running;
    ladder.want(new Set([1]));
    const wide = await testBroadcast({ width: 640, height: 360, pictures: 4, keyFrameEvery: 4 });
    const upright = await testBroadcast({
      width: 360,
      height: 640,
      pictures: 4,
      keyFrameEvery: 4,
      originMs: 160,
    });
    for (const message of [...wide, ...upright]) await ladder.append(message);
    expect(await decodedSizes(out[1])).toEqual([...Array(4).fill('320x180'), ...Array(4).fill('180x320')]);
    const sets = pictures(out[1]).filter(({ tag }) => tag.isSequenceHeader);
    const sizes = sets.map(({ payload }) => parseAvcSps(parseAvcDecoderRecord(payload.subarray(5)).sps[0]));
    expect(sizes).toMatchObject([{ width: 320 }, { width: 180 }]);
  });

  test('leaves out what is damaged and goes on with the next key frame', async () => {
    using running = await transcoder();
    const { ladder, out } = running;
    ladder.want(new Set([1]));
    const source = await testBroadcast({ width: 640, height: 360, pictures: 10, keyFrameEvery: 5 });
    const damaged = source.map((message, index) =>
      index > 6 && message.timestampMs < 200
        ? { ...message, payload: message.payload.subarray(0, 12) }
        : message,
    );
    for (const message of damaged) await ladder.append(message);
    expect(ladder.damaged).toBeGreaterThan(0);
    expect(keyTimes(out[1])).toContain(200);
  });
});

import { AV_SAMPLE_FMT_FLT, FF_DECODER_AAC, FF_ENCODER_LIBOPUS } from 'node-av/constants';
import { Frame, Packet, Rational } from 'node-av/lib';
import { expect, test } from 'vitest';
import './quiet.ts';
import { AacMaker, type AacFrame } from './aac-maker.ts';
import { aacFrameSamples, stereo } from './audio-encoder.ts';
import { bytesOf, EncodedPackets, openDecoder, openEncoder } from './codec.ts';

const sampleRateHz = 48_000;
const opusSamples = 960;
const opusMs = 20;
const amplitude = 0.5;

/** A tone of a kilohertz as Opus packets of 20 ms. */
async function opusTone(packets: number): Promise<Buffer[]> {
  using stack = new DisposableStack();
  const format = { sampleRate: sampleRateHz, channelLayout: stereo };
  const timeBase = new Rational(1, sampleRateHz);
  const fields = { ...format, sampleFormat: AV_SAMPLE_FMT_FLT, bitRate: 96_000n, timeBase };
  const context = await openEncoder(FF_ENCODER_LIBOPUS, { fields });
  stack.defer(() => context.freeContext());
  const frame = stack.adopt(new Frame(), (used) => used.free());
  frame.alloc();
  Object.assign(frame, { ...format, format: AV_SAMPLE_FMT_FLT, nbSamples: opusSamples });
  frame.getBuffer();
  const encoded = stack.use(new EncodedPackets(context));
  return Array.from({ length: packets }, (_, index) => {
    frame.makeWritable();
    const [plane] = frame.data!;
    const samples = new Float32Array(plane.buffer, plane.byteOffset, opusSamples * 2);
    for (let at = 0; at < opusSamples * 2; at++) {
      const second = (index * opusSamples + (at >> 1)) / sampleRateHz;
      samples[at] = amplitude * Math.sin(2 * Math.PI * 1000 * second);
    }
    frame.pts = BigInt(index * opusSamples);
    context.sendFrameSync(frame);
    return Array.from(encoded.ready(), bytesOf);
  }).flat();
}

/** Mean power of the decoded sound, the first and the last frames left out. */
async function powerOf(frames: readonly AacFrame[], specificConfig: Buffer): Promise<number> {
  const decoder = await openDecoder(FF_DECODER_AAC, { fields: { extraData: specificConfig } });
  const packet = new Packet();
  const frame = new Frame();
  packet.alloc();
  frame.alloc();
  let sum = 0;
  let count = 0;
  for (const { data } of frames.slice(4, -4)) {
    packet.data = data;
    decoder.sendPacketSync(packet);
    if (decoder.receiveFrameSync(frame) < 0) continue;
    const [plane] = frame.data!;
    for (const sample of new Float32Array(plane.buffer, plane.byteOffset, frame.nbSamples))
      sum += sample ** 2;
    count += frame.nbSamples;
  }
  decoder.freeContext();
  return sum / count;
}

const makeOpus = () =>
  AacMaker.open({
    kind: 'audio',
    codec: 'opus',
    record: Buffer.alloc(0),
    samplingRateHz: sampleRateHz,
    channels: 2,
  });

test('Opus becomes AAC of the same loudness, without gaps, at the same time', async () => {
  using maker = await makeOpus();
  const originMs = 5000;
  const packets = await opusTone(100);
  const frames = packets.flatMap((packet, index) => maker.convert(packet, originMs + index * opusMs));
  expect(maker.damaged).toBe(0);
  expect(frames.length).toBeGreaterThan(((100 * opusSamples) / aacFrameSamples) * 0.95);
  for (const [index, { timestampMs }] of frames.entries()) {
    const expectedMs = originMs + ((index - 1) * aacFrameSamples * 1000) / sampleRateHz;
    expect(Math.abs(timestampMs - expectedMs)).toBeLessThanOrEqual(1);
  }
  const power = await powerOf(frames, maker.specificConfig);
  expect(power).toBeGreaterThan(amplitude ** 2 / 2 / 1.3);
  expect(power).toBeLessThan((amplitude ** 2 / 2) * 1.3);
});

test('a jump of the clock is followed, and damage is counted', async () => {
  using maker = await makeOpus();
  const packets = await opusTone(20);
  for (const [index, packet] of packets.slice(0, 10).entries()) maker.convert(packet, index * opusMs);
  maker.convert(Buffer.of(0xff, 0xff), 10 * opusMs);
  expect(maker.damaged).toBe(1);
  const later = packets.slice(10).flatMap((packet, index) => maker.convert(packet, 60_000 + index * opusMs));
  expect(later.at(-1)!.timestampMs).toBeGreaterThan(60_000);
  expect(later.at(-1)!.timestampMs).toBeLessThan(60_300);
});

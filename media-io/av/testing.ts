import './quiet.ts';
import { aacFrameSamples, AudioEncoder } from './audio-encoder.ts';
import type { MediaMessage } from './rung.ts';
import { VideoEncoder } from './video-encoder.ts';

export interface TestBroadcastOptions {
  readonly width: number;
  readonly height: number;
  readonly pictures: number;
  readonly keyFrameEvery: number;
  /** Of the first picture. */
  readonly originMs?: number;
}

const frameMs = 40;
const sampleRateHz = 48_000;

/** H.264 and AAC as an encoder sends them: pictures that grow brighter, 25 a second, and silence. */
export async function testBroadcast(options: TestBroadcastOptions): Promise<MediaMessage[]> {
  const { width, height, pictures, keyFrameEvery, originMs = 0 } = options;
  using video = await VideoEncoder.open({ width, height, framesPerSecond: 1000 / frameMs });
  using audio = await AudioEncoder.open({ sampleRateHz, bitsPerSecond: 64_000 });
  const messages: MediaMessage[] = [
    message('video', originMs, [Buffer.of(0x17, 0, 0, 0, 0), video.decoderRecord]),
    message('audio', originMs, [Buffer.of(0xaf, 0), audio.specificConfig]),
  ];
  const silence = new Float32Array(aacFrameSamples);
  let samples = 0;
  for (let index = 0; index < pictures; index++) {
    const ptsMs = originMs + index * frameMs;
    video.picture.luma.fill(16 + ((index * 5) % 200));
    const { data, isKeyFrame } = video.encode(ptsMs, index % keyFrameEvery === 0);
    messages.push(message('video', ptsMs, [Buffer.of(isKeyFrame ? 0x17 : 0x27, 1, 0, 0, 0), data]));
    for (; (samples * 1000) / sampleRateHz < (index + 1) * frameMs; samples += aacFrameSamples) {
      const atMs = originMs + Math.round((samples * 1000) / sampleRateHz);
      const frames = audio.encode(silence, silence, samples);
      messages.push(...frames.map((frame) => message('audio', atMs, [Buffer.of(0xaf, 1), frame])));
    }
  }
  return messages;
}

function message(kind: 'audio' | 'video', timestampMs: number, parts: readonly Buffer[]): MediaMessage {
  return { kind, timestampMs, payload: Buffer.concat(parts) };
}

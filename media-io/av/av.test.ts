import { parseAvcDecoderRecord, parseAvcSps } from '@gala/media/h264';
import { parseAudioSpecificConfig } from '@gala/media/aac';
import { expect, test } from 'vitest';
import { aacFrameSamples, AudioEncoder, VideoEncoder } from './index.ts';

test('pictures come out one for one, key frames where they are asked for', async () => {
  using encoder = await VideoEncoder.open({ width: 320, height: 180, framesPerSecond: 30 });
  const [sps] = parseAvcDecoderRecord(encoder.decoderRecord).sps;
  expect(parseAvcSps(sps)).toMatchObject({ width: 320, height: 180 });
  const keys: boolean[] = [];
  for (let index = 0; index < 20; index++) {
    encoder.picture.luma.fill(index * 10);
    const { data, isKeyFrame, ptsMs } = encoder.encode(index * 33, index % 10 === 0);
    expect(ptsMs).toBe(index * 33);
    expect(data.readUInt32BE(0)).toBeLessThanOrEqual(data.length - 4);
    keys.push(isKeyFrame);
  }
  expect(keys).toEqual(Array.from({ length: 20 }, (_, index) => index % 10 === 0));
});

test('sound comes out as raw AAC-LC frames', async () => {
  using encoder = await AudioEncoder.open({ sampleRateHz: 48_000, bitsPerSecond: 96_000 });
  expect(parseAudioSpecificConfig(encoder.specificConfig)).toMatchObject({
    objectType: 2,
    samplingRateHz: 48_000,
    channels: 2,
  });
  const tone = Float32Array.from(
    { length: aacFrameSamples },
    (_, index) => Math.sin((index * 2 * Math.PI) / 48) * 0.3,
  );
  let count = 0;
  for (let index = 0; index < 10; index++)
    count += encoder.encode(tone, tone, index * aacFrameSamples).length;
  expect(count).toBeGreaterThanOrEqual(8);
});

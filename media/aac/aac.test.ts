import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { readFlvTags } from '../fixtures/flv.ts';
import { parseAudioTag } from '../flv/index.ts';
import {
  encodeAdtsHeader,
  encodeAudioSpecificConfig,
  frameDurationMs,
  parseAdtsHeader,
  parseAudioSpecificConfig,
  silentFrame,
} from './index.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });
const parse = (text: string) => parseAudioSpecificConfig(Buffer.from(text, 'hex'));

describe('AudioSpecificConfig', () => {
  test.each([
    [
      'AAC-LC, 44.1 kHz, stereo',
      '1210',
      { objectType: 2, samplingRateHz: 44_100, channels: 2, sbr: undefined },
    ],
    ['AAC-LC, 48 kHz, mono', '1188', { samplingRateHz: 48_000, channels: 1, outputRateHz: 48_000 }],
    ['7.1', '11b8', { channelConfiguration: 7, channels: 8 }],
    ['channels in the data', '1180', { channelConfiguration: 0, channels: 0 }],
    ['960 samples a frame', '1214', { frameSamples: 960 }],
    ['escape rate 37,800 Hz', '178049d410', { samplingRateHz: 37_800, channels: 2 }],
    [
      'HE-AAC, hierarchical',
      '2b118800',
      { objectType: 2, sbr: true, ps: false, samplingRateHz: 24_000, outputRateHz: 48_000, channels: 2 },
    ],
    [
      'HE-AAC v2, hierarchical',
      'eb098800',
      { objectType: 2, sbr: true, ps: true, samplingRateHz: 24_000, outputRateHz: 48_000, channels: 1 },
    ],
    [
      'HE-AAC, backward compatible',
      '131056e598',
      { objectType: 2, sbr: true, ps: undefined, samplingRateHz: 24_000, outputRateHz: 48_000 },
    ],
    ['HE-AAC v2, backward compatible', '130856e59d4880', { sbr: true, ps: true, outputRateHz: 48_000 }],
    ['SBR denied, backward compatible', '121056e500', { sbr: false }],
  ])('%s', (_, bytes, expected) => {
    expect(parse(bytes)).toMatchObject(expected);
  });

  test('a low rate without signalling may hide SBR, so nothing is claimed', () => {
    expect(parse('1310')).toMatchObject({ samplingRateHz: 24_000, sbr: undefined, ps: undefined });
  });

  test.each(['', '12', '1680', '0210', '17ff'])('%s is refused', (bytes) => {
    expect(() => parse(bytes)).toThrow(code('AAC_CONFIG_INVALID'));
  });

  test.each([
    { samplingRateHz: 44_100, channelConfiguration: 2 },
    { samplingRateHz: 37_800, channelConfiguration: 1 },
    { samplingRateHz: 24_000, channelConfiguration: 2, sbr: true },
    { samplingRateHz: 24_000, channelConfiguration: 1, sbr: true, ps: true },
    { samplingRateHz: 48_000, channelConfiguration: 2, objectType: 39 },
  ])('$samplingRateHz Hz survives a round trip', (input) => {
    expect(parseAudioSpecificConfig(encodeAudioSpecificConfig(input))).toMatchObject(input);
  });

  test('the shortest form is the one every encoder writes', () => {
    expect(
      encodeAudioSpecificConfig({ samplingRateHz: 44_100, channelConfiguration: 2 }).toString('hex'),
    ).toBe('1210');
  });

  test('of ffmpeg', () => {
    const tag = readFlvTags().find(
      (each) => each.type === 'audio' && parseAudioTag(each.payload).isSequenceHeader,
    )!;
    const config = parseAudioSpecificConfig(tag.payload.subarray(2));
    expect(config).toMatchObject({ objectType: 2, samplingRateHz: 44_100, channels: 2 });
    expect(frameDurationMs(config)).toBeCloseTo(23.22, 2);
  });
});

describe('ADTS', () => {
  const fields = { samplingRateHz: 44_100, channelConfiguration: 2 };

  test('a header survives a round trip', () => {
    const bytes = encodeAdtsHeader({ ...fields, payloadBytes: 8184 });
    expect(parseAdtsHeader(bytes)).toEqual({
      ...fields,
      objectType: 2,
      headerBytes: 7,
      frameBytes: 8191,
      rawBlocks: 1,
    });
  });

  test('a checksum makes the header longer', () => {
    const bytes = encodeAdtsHeader({ ...fields, payloadBytes: 100 });
    bytes[1] &= 0xfe;
    expect(parseAdtsHeader(bytes).headerBytes).toBe(9);
  });

  test.each(['', 'fff1508000', '00f15080001ffc', 'fff17c80001ffc', 'fff15080001ffc'])(
    '%s is refused',
    (bytes) => {
      expect(() => parseAdtsHeader(Buffer.from(bytes, 'hex'))).toThrow(code('ADTS_INVALID'));
    },
  );
});

describe.each([1, 2] as const)('the silent frame with %d channels', (channels) => {
  test.each([44_100, 48_000])('decodes to exact silence at %d Hz', (samplingRateHz) => {
    const frame = silentFrame(channels);
    const header = encodeAdtsHeader({
      samplingRateHz,
      channelConfiguration: channels,
      payloadBytes: frame.length,
    });
    const frames = 10;
    const adts = Buffer.concat(Array.from({ length: frames }, () => Buffer.concat([header, frame])));
    const pcm = execFileSync(
      'ffmpeg',
      ['-v', 'error', '-xerror', '-err_detect', 'explode', '-f', 'aac', '-i', '-', '-f', 's16le', '-'],
      { input: adts },
    );
    expect(pcm.length).toBe(frames * 1024 * 2 * channels);
    expect(pcm.every((byte) => byte === 0)).toBe(true);
  });
});

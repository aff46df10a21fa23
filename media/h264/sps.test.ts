import { expect, test } from 'vitest';
import { parseAvcSps } from './index.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });
const sps = (text: string) => parseAvcSps(Buffer.from(text, 'hex'));

// Sequence parameter sets of x264, with what ffprobe says about them.
test.each([
  [
    'cropped to 1080 lines, 29.97 frames a second',
    '6742c028da01e0089f97011000003e90000ea600f1832a',
    {
      width: 1920,
      height: 1080,
      profile: 66,
      level: 40,
      framesPerSecond: 30_000 / 1001,
      isInterlaced: false,
    },
  ],
  [
    'baseline',
    '6742c01ed900a02ff97011000003000100000300320f162e48',
    { width: 640, height: 360, profile: 66, level: 30, framesPerSecond: 25 },
  ],
  [
    'interlaced 4:2:2 with 10 bits',
    '677a001eb6cd940b424d808800000300080000030190f8a14cb0',
    { width: 720, height: 576, profile: 122, isInterlaced: true, chromaFormat: 2, bitDepthLuma: 10 },
  ],
  [
    'scaling lists, aspect ratio and colours',
    '6764001facd940d83de6fff014001ab6a02020280000030008000003032078c18cb0',
    { width: 854, height: 480, profile: 100, level: 31, framesPerSecond: 50 },
  ],
  [
    '4:4:4',
    '67f4000a919b28e7f1b1f808800000030080000018078912cb',
    { width: 100, height: 98, chromaFormat: 3, framesPerSecond: 24 },
  ],
  [
    'monochrome',
    '6764000af3650836c05b2000000300200000030281e244b2c0',
    { width: 128, height: 96, chromaFormat: 0, framesPerSecond: 10 },
  ],
])('%s', (_, bytes, expected) => {
  expect(sps(bytes)).toMatchObject(expected);
});

test('an SPS without timing information has no frame rate', () => {
  const bits = '01000010 00000000 00011110 1 1 1 1 011 0 00101 00100 1 1 0 0 1'.replaceAll(' ', '');
  const bytes = bits
    .padEnd(Math.ceil(bits.length / 8) * 8, '0')
    .match(/.{8}/g)!
    .map((byte) => parseInt(byte, 2));
  expect(parseAvcSps(Buffer.from([0x67, ...bytes]))).toMatchObject({
    framesPerSecond: undefined,
    width: 80,
    height: 64,
  });
});

test.each([
  ['nothing', '', 'AVC_SPS_INVALID'],
  ['another NAL unit', '68ce0fc8', 'AVC_SPS_INVALID'],
  ['a cut off SPS', '6742c028da01', 'BITS_EXHAUSTED'],
  ['endless zeros', `6742c028${'00'.repeat(60)}`, 'BITS_EXHAUSTED'],
])('%s is refused', (_, bytes, expected) => {
  expect(() => sps(bytes)).toThrow(code(expected));
});

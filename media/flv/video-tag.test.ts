import { describe, expect, test } from 'vitest';
import { readFlvTags } from '../fixtures/flv.ts';
import { isDisposableVideo, parseVideoTag } from './index.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const fourCc = (name: string) => Buffer.from(name, 'latin1').toString('hex');

describe('legacy tags', () => {
  test.each([
    ['AVC key frame', '17 01 000000', { codec: 'h264', isKeyFrame: true, isSequenceHeader: false }],
    ['AVC sequence header', '17 00 000000', { codec: 'h264', isKeyFrame: false, isSequenceHeader: true }],
    ['AVC end of sequence', '17 02 000000', { isEndOfSequence: true, isKeyFrame: false, isCoded: false }],
    ['AVC inter frame', '27 01 000000', { frameType: 'inter', isKeyFrame: false, isCoded: true }],
    ['AVC with an unknown packet', '17 07 000000', { isKeyFrame: false, isCoded: false }],
    ['HEVC by codec id 12', '1c 01 000000', { codec: 'hevc', isKeyFrame: true, isEnhanced: false }],
    ['HEVC header by codec id 12', '1c 00 000000', { codec: 'hevc', isSequenceHeader: true }],
    [
      'Sorenson H.263 disposable',
      '32',
      { codec: 'h263', frameType: 'disposable', isCoded: true, dataOffset: 1 },
    ],
    ['VP6 key frame', '14 00', { codec: 'vp6', isKeyFrame: true }],
    ['a seek command', '57 00', { frameType: 'command', isCoded: false, isKeyFrame: false }],
    ['an unknown codec', '1f', { codec: 'unknown', isKeyFrame: true }],
  ])('%s', (_, bytes, expected) => {
    expect(parseVideoTag(hex(bytes))).toMatchObject(expected);
  });

  test.each([
    ['000000', 0],
    ['000050', 80],
    ['7fffff', 8_388_607],
    ['800000', -8_388_608],
    ['ffffd8', -40],
  ])('composition time %s is signed', (bytes, expected) => {
    expect(parseVideoTag(hex(`27 01 ${bytes}`)).compositionTimeMs).toBe(expected);
  });
});

describe('enhanced tags', () => {
  test.each([
    ['avc1', 'h264'],
    ['hvc1', 'hevc'],
    ['av01', 'av1'],
    ['vp09', 'vp9'],
    ['vp08', 'vp8'],
    ['vvc1', 'vvc'],
    ['abcd', 'unknown'],
  ])('%s is %s', (name, codec) => {
    expect(parseVideoTag(hex(`90 ${fourCc(name)}`))).toMatchObject({
      codec,
      isSequenceHeader: true,
      isKeyFrame: false,
      isEnhanced: true,
      dataOffset: 5,
    });
  });

  test('CodedFrames of HEVC has a signed composition time, CodedFramesX has none', () => {
    expect(parseVideoTag(hex(`91 ${fourCc('hvc1')} ffffd8 00`))).toMatchObject({
      isKeyFrame: true,
      compositionTimeMs: -40,
      dataOffset: 8,
    });
    expect(parseVideoTag(hex(`93 ${fourCc('hvc1')} ffffd8 00`))).toMatchObject({
      isKeyFrame: true,
      compositionTimeMs: 0,
      dataOffset: 5,
    });
  });

  test('CodedFrames of AV1 and VP9 has no composition time', () => {
    for (const name of ['av01', 'vp09']) {
      expect(parseVideoTag(hex(`a1 ${fourCc(name)} ffffd8`))).toMatchObject({
        frameType: 'inter',
        isCoded: true,
        compositionTimeMs: 0,
        dataOffset: 5,
      });
    }
  });

  test('end of sequence and metadata are not coded frames', () => {
    expect(parseVideoTag(hex(`92 ${fourCc('hvc1')}`))).toMatchObject({
      isEndOfSequence: true,
      isCoded: false,
    });
    expect(parseVideoTag(hex(`94 ${fourCc('hvc1')}`))).toMatchObject({
      isSequenceHeader: false,
      isCoded: false,
    });
    expect(parseVideoTag(hex('d0 00'))).toMatchObject({ frameType: 'command', isSequenceHeader: false });
  });

  test('modifiers such as nanosecond offsets are stepped over', () => {
    expect(parseVideoTag(hex(`97 02 0f4240 01 ${fourCc('hvc1')} 000010 00`))).toMatchObject({
      codec: 'hevc',
      isKeyFrame: true,
      compositionTimeMs: 16,
      dataOffset: 13,
    });
    const long = `97 ff 0003 00000000 03 ${fourCc('avc1')}`;
    expect(parseVideoTag(hex(long))).toMatchObject({ codec: 'h264', isKeyFrame: true, dataOffset: 13 });
  });

  test('multitrack tags name their codec and say that there are several', () => {
    expect(parseVideoTag(hex(`96 01 ${fourCc('avc1')} 00`))).toMatchObject({
      codec: 'h264',
      isMultitrack: true,
      isKeyFrame: true,
    });
    expect(parseVideoTag(hex('96 21 00'))).toMatchObject({ codec: 'unknown', isMultitrack: true });
  });
});

test.each(['', '17', '17 01 0000', '90', '90 6876', '91 68766331 0000', '97', '97 ff 00', '97 05 00', '96'])(
  'a body cut off inside its header (%s) is refused',
  (bytes) => {
    expect(() => parseVideoTag(hex(bytes))).toThrow(code('FLV_TRUNCATED'));
  },
);

describe('disposable frames', () => {
  const isDisposable = (bytes: string) => isDisposableVideo(hex(bytes), parseVideoTag(hex(bytes)));

  test('by frame type 3 or by nal_ref_idc 0 of every slice', () => {
    expect(isDisposable('32 00')).toBe(true);
    expect(isDisposable('27 01 000000 00000002 01aa')).toBe(true);
    expect(isDisposable('27 01 000000 00000002 41aa')).toBe(false);
    expect(isDisposable('27 01 000000 00000002 01aa 00000002 41aa')).toBe(false);
    expect(isDisposable('27 01 000000 00000002 06aa')).toBe(false);
    expect(isDisposable('27 00 000000 00000002 01aa')).toBe(false);
    expect(isDisposable('27 01 000000 000000ff 01aa')).toBe(false);
  });

  test('of ffmpeg: B frames are, key frames and P frames are not', () => {
    const video = readFlvTags().filter((tag) => tag.type === 'video');
    const disposable = video.filter((tag) => isDisposableVideo(tag.payload, parseVideoTag(tag.payload)));
    expect(disposable.length).toBeGreaterThan(5);
    expect(disposable.length).toBeLessThan(video.length / 2 + 5);
    expect(disposable.some((tag) => parseVideoTag(tag.payload).isKeyFrame)).toBe(false);
  });
});

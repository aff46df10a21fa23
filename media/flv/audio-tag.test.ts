import { expect, test } from 'vitest';
import { parseAudioTag } from './index.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const fourCc = (name: string) => Buffer.from(name, 'latin1').toString('hex');

test.each([
  [
    'AAC sequence header',
    'af 00 1210',
    { codec: 'aac', isSequenceHeader: true, isCoded: false, dataOffset: 2 },
  ],
  ['AAC frame', 'af 01 00', { codec: 'aac', isSequenceHeader: false, isCoded: true, dataOffset: 2 }],
  ['MP3', '2f ff', { codec: 'mp3', isCoded: true, dataOffset: 1 }],
  ['G.711', '72', { codec: 'g711' }],
  ['Speex', 'b2', { codec: 'speex' }],
  ['an unknown format', 'f2', { codec: 'unknown', isCoded: true }],
])('%s', (_, bytes, expected) => {
  expect(parseAudioTag(hex(bytes))).toMatchObject(expected);
});

test.each([
  ['Opus', 'opus'],
  ['fLaC', 'flac'],
  ['ac-3', 'ac3'],
  ['ec-3', 'eac3'],
  ['mp4a', 'aac'],
  ['.mp3', 'mp3'],
  ['abcd', 'unknown'],
])('enhanced %s is %s', (name, codec) => {
  const at = (packetType: number) => parseAudioTag(hex(`9${packetType} ${fourCc(name)}`));
  expect(at(0)).toMatchObject({
    codec,
    isSequenceHeader: true,
    isCoded: false,
    isEnhanced: true,
    dataOffset: 5,
  });
  expect(at(1)).toMatchObject({ codec, isSequenceHeader: false, isCoded: true });
  expect(at(2)).toMatchObject({ codec, isEndOfSequence: true, isCoded: false });
  expect(at(4)).toMatchObject({ codec, isSequenceHeader: false, isCoded: false });
});

test('enhanced multitrack audio says that there are several tracks', () => {
  expect(parseAudioTag(hex(`95 01 ${fourCc('Opus')} 00`))).toMatchObject({
    codec: 'opus',
    isMultitrack: true,
  });
});

test.each(['', 'af', '90 4f70', '97 ff', '95'])(
  'a body cut off inside its header (%s) is refused',
  (bytes) => {
    expect(() => parseAudioTag(hex(bytes))).toThrow(expect.objectContaining({ code: 'FLV_TRUNCATED' }));
  },
);

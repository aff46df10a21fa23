import { expect, test } from 'vitest';
import { StreamCodecs } from './stream-codecs.ts';
import { TagEncoder } from './tag-encoder.ts';
import { bodies } from './testing.ts';
import type { Tag } from './tag.ts';
import type { TrackKind } from './timeline.ts';

const aacFrame = Buffer.from([0xaf, 1, 0x21, 0]);
const mp3Frame = Buffer.from([0x2f, 0xff, 0xfb, 0x90, 0x44]);

function feed(codecs: StreamCodecs, encoder = new TagEncoder()) {
  return (kind: TrackKind, payload: Buffer): boolean => {
    const tag = encoder.encode(kind, 0, payload);
    return typeof tag !== 'string' && codecs.note(tag);
  };
}

test('sound is known by its set-up, and by its frames where there is none', () => {
  const codecs = new StreamCodecs();
  const encoder = new TagEncoder();
  const note = feed(codecs, encoder);
  expect(note('audio', bodies.audioHeader)).toBe(true);
  expect(codecs.audio).toBe('mp4a.40.2');
  expect(note('audio', aacFrame)).toBe(false);
  expect(note('audio', Buffer.from([0xaf, 0, 0x2b, 0x92, 0x08, 0]))).toBe(true);
  expect(codecs.audio).toBe('mp4a.40.5');
  encoder.beginPublisher();
  codecs.beginPublisher();
  expect(note('audio', mp3Frame)).toBe(true);
  expect([codecs.audio, codecs.video]).toEqual(['mp3', '']);
  codecs.forget(['audio']);
  expect(codecs.audio).toBe('');
});

test('what comes before the first coded frame leaves a track open', () => {
  const codecs = new StreamCodecs();
  const note = feed(codecs);
  // Enhanced RTMP: how the channels lie, then a frame.
  expect(note('audio', Buffer.from([0x94, ...Buffer.from('ac-3'), 1, 1]))).toBe(false);
  expect(note('audio', Buffer.from([0x91, ...Buffer.from('ac-3'), 0x0b, 0x77]))).toBe(true);
  expect(codecs.audio).toBe('ac-3');
});

test('once a track is known, tags without set-up are not looked into', () => {
  const codecs = new StreamCodecs();
  const note = feed(codecs);
  note('audio', bodies.audioHeader);
  note('audio', aacFrame);
  const unreadable = {
    kind: 'audio',
    sequenceHeader: false,
    get bytes(): Buffer {
      throw new Error('looked into');
    },
  } as unknown as Tag;
  expect(codecs.note(unreadable)).toBe(false);
});

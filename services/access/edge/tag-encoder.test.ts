import { encodeAmf0 } from '@gala/media/amf';
import { encodeMetadata } from '@gala/media/flv';
import { expect, test } from 'vitest';
import { payloadOf, type Tag } from './tag.ts';
import { TagEncoder } from './tag-encoder.ts';
import { bodies } from './testing.ts';

const tagOf = (made: Tag | string): Tag => {
  if (typeof made === 'string') throw new Error(`no tag: ${made}`);
  return made;
};

/** An encoder that has had set-up and a key frame. */
function begun(): TagEncoder {
  const encoder = new TagEncoder();
  encoder.encode('video', 0, bodies.videoHeader());
  encoder.encode('video', 0, bodies.keyFrame());
  return encoder;
}

test('a message becomes a tag that says what it is, with the timestamp in FLV form', () => {
  const encoder = new TagEncoder();
  const made = [
    encoder.encode('video', 0, bodies.videoHeader()),
    encoder.encode('video', 2 ** 24 + 5, bodies.keyFrame()),
    encoder.encode('video', 2 ** 32 + 7, bodies.interFrame()),
    encoder.encode('video', 40, bodies.disposableFrame()),
    encoder.encode('audio', 0, bodies.audioHeader),
    encoder.encode('audio', 0, bodies.audioFrame()),
    encoder.encode('data', 0, bodies.metadata),
  ].map(tagOf);
  expect(made.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(made.map(({ sequenceHeader }) => sequenceHeader)).toEqual([
    true,
    false,
    false,
    false,
    true,
    false,
    true,
  ]);
  expect(made.map(({ keyFrame }) => keyFrame).indexOf(true)).toBe(1);
  expect(made.map(({ disposable }) => disposable).indexOf(true)).toBe(3);
  expect(made[1].bytes.subarray(0, 11).toString('hex')).toBe('0900000b00000501000000');
  expect(made[2].bytes.readUIntBE(4, 3)).toBe(7);
  expect(payloadOf(made[1])).toEqual(bodies.keyFrame());
});

test('set-up that repeats what viewers have is left out, until it changes or is forgotten', () => {
  const encoder = begun();
  expect(encoder.encode('video', 5, bodies.videoHeader())).toBe('repeated');
  encoder.beginPublisher();
  expect(encoder.encode('video', 5, bodies.videoHeader())).toBe('repeated');
  expect(tagOf(encoder.encode('video', 6, bodies.videoHeader(1))).sequenceHeader).toBe(true);
  expect(tagOf(encoder.encode('video', 7, bodies.videoHeader())).sequenceHeader).toBe(true);
  encoder.forget('video');
  expect(tagOf(encoder.encode('video', 8, bodies.videoHeader())).sequenceHeader).toBe(true);
});

test('pictures count from the first key frame of each publisher on; sound always does', () => {
  const encoder = new TagEncoder();
  expect(encoder.encode('video', 0, bodies.interFrame())).toBe('undecodable');
  expect(tagOf(encoder.encode('audio', 0, bodies.audioFrame())).sequence).toBe(1);
  expect(tagOf(encoder.encode('video', 0, bodies.keyFrame())).sequence).toBe(2);
  encoder.beginPublisher();
  expect(encoder.encode('video', 0, bodies.interFrame())).toBe('undecodable');
  expect(tagOf(encoder.encode('video', 0, bodies.keyFrame())).sequence).toBe(3);
});

test('metadata loses the command that wraps it; other data is passed on as it is', () => {
  const encoder = new TagEncoder();
  const wrapped = encodeAmf0('@setDataFrame', 'onMetaData', { width: 16 });
  const tag = tagOf(encoder.encode('data', 0, wrapped));
  expect(tag.sequenceHeader).toBe(true);
  expect(payloadOf(tag)).toEqual(encodeAmf0('onMetaData', { width: 16 }));
  expect(encoder.encode('data', 0, encodeAmf0('onMetaData', { width: 16 }))).toBe('repeated');
  expect(tagOf(encoder.encode('data', 0, encodeMetadata({ width: 32 }))).sequenceHeader).toBe(true);
  expect(tagOf(encoder.encode('data', 0, encodeAmf0('onCuePoint', {}))).sequenceHeader).toBe(false);
});

test.each([
  ['video', ''],
  ['video', '1701'],
  ['audio', ''],
  ['audio', 'af'],
  ['data', '02ffff'],
] as const)('a %s message of "%s" is malformed', (kind, hex) => {
  expect(begun().encode(kind, 0, Buffer.from(hex, 'hex'))).toBe('malformed');
});

test('the end of a publisher’s sequence is not the end of the stream', () => {
  expect(begun().encode('video', 0, Buffer.from('1702000000', 'hex'))).toBe('sequenceEnd');
});

test('what is disposable is read with the NAL length that the set-up names', () => {
  const encoder = new TagEncoder();
  const header = bodies.videoHeader();
  header[9] = 0xfd;
  encoder.encode('video', 0, header);
  encoder.encode('video', 0, bodies.keyFrame());
  const twoByteLengths = Buffer.from([0x27, 1, 0, 0, 0, 0, 2, 0x01, 0x55]);
  expect(tagOf(encoder.encode('video', 0, twoByteLengths)).disposable).toBe(true);
});

import { describe, expect, test } from 'vitest';
import { encodeAmf0 } from '../amf/index.ts';
import { flvFile, readFlvTags } from '../fixtures/flv.ts';
import {
  FlvTagReader,
  decodeMetadata,
  encodeFlvHeader,
  encodeMetadata,
  encodeTag,
  flvHeaderBytes,
  parseFlvHeader,
  tagBytes,
  writeTag,
} from './index.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });

test('the header announces what it is told', () => {
  expect(encodeFlvHeader({ hasAudio: true, hasVideo: true }).toString('hex')).toBe(
    '464c5601050000000900000000',
  );
  for (const header of [
    { hasAudio: true, hasVideo: false },
    { hasAudio: false, hasVideo: true },
  ]) {
    expect(parseFlvHeader(encodeFlvHeader(header))).toEqual(header);
  }
  expect(() => parseFlvHeader(Buffer.from('GIF89a....'))).toThrow(code('FLV_HEADER_INVALID'));
});

test('a file of ffmpeg reads into its tags and is written back byte by byte', () => {
  const tags = readFlvTags();
  expect(tags.map((tag) => tag.type).slice(0, 3)).toEqual(['data', 'video', 'audio']);
  const written = [flvFile.subarray(0, flvHeaderBytes), ...tags.map(encodeTag)];
  expect(Buffer.concat(written).equals(flvFile)).toBe(true);
});

test('tags are written behind each other into one buffer', () => {
  const tags = readFlvTags().slice(0, 10);
  const target = Buffer.alloc(tags.reduce((sum, tag) => sum + tagBytes(tag.payload.length), 0));
  let offset = 0;
  for (const tag of tags) offset = writeTag(target, offset, tag);
  expect(offset).toBe(target.length);
  expect(target.equals(Buffer.concat(tags.map(encodeTag)))).toBe(true);
});

test.each([0, 2 ** 24 - 1, 2 ** 24, 2 ** 31, 2 ** 32 - 1])(
  'timestamp %d: 24 bits and the extension byte',
  (timestampMs) => {
    const bytes = encodeTag({ type: 'video', timestampMs, payload: Buffer.from([1]) });
    expect(bytes.readUIntBE(4, 3)).toBe(timestampMs % 2 ** 24);
    expect(bytes[7]).toBe(Math.floor(timestampMs / 2 ** 24));
    const file = Buffer.concat([encodeFlvHeader({ hasAudio: true, hasVideo: true }), bytes]);
    expect(readFlvTags(file)[0]?.timestampMs).toBe(timestampMs);
  },
);

describe('reader', () => {
  const header = encodeFlvHeader({ hasAudio: true, hasVideo: true });
  const read = (reader: FlvTagReader, bytes: Buffer) => {
    reader.append(bytes);
    return reader.next();
  };

  test('a declared size takes no memory until its bytes arrive', () => {
    const reader = new FlvTagReader();
    read(reader, Buffer.concat([header, Buffer.from('0970000000000000000000', 'hex')]));
    read(reader, Buffer.alloc(100));
    expect(reader.heldBytes).toBeLessThanOrEqual(4096);
  });

  test.each([
    ['a tag over the limit', '0900000b00000000000000', 'FLV_TAG_TOO_LARGE'],
    ['a tag of unknown type', '0a00000100000000000000', 'FLV_TAG_INVALID'],
    ['an encrypted tag', '2900000100000000000000', 'FLV_TAG_INVALID'],
    ['a wrong back pointer', '09000001000000000000000100000001', 'FLV_TAG_INVALID'],
  ])('%s is refused', (_, bytes, expected) => {
    const reader = new FlvTagReader(10);
    expect(() => read(reader, Buffer.concat([header, Buffer.from(bytes, 'hex')]))).toThrow(code(expected));
  });
});

describe('onMetaData', () => {
  test('is written as an ECMA array and read back', () => {
    const properties = { width: 1280, height: 720, framerate: 30, encoder: 'gala', stereo: true };
    const bytes = encodeMetadata(properties);
    expect(bytes.subarray(0, 14).toString('hex')).toBe('02000a6f6e4d6574614461746108');
    expect(decodeMetadata(bytes)).toEqual(properties);
  });

  test('is read out of @setDataFrame and told from other data messages', () => {
    expect(decodeMetadata(encodeAmf0('@setDataFrame', 'onMetaData', { width: 16 }))).toEqual({ width: 16 });
    expect(decodeMetadata(encodeAmf0('onCuePoint', {}))).toBeUndefined();
    expect(decodeMetadata(encodeAmf0('onMetaData'))).toBeUndefined();
  });

  test('of ffmpeg', () => {
    const [first] = readFlvTags();
    expect(decodeMetadata(first.payload)).toMatchObject({
      width: 160,
      height: 120,
      videocodecid: 7,
      stereo: true,
    });
  });
});

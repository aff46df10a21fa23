import {
  createAvcDecoderRecord,
  encodeAvcDecoderRecord,
  parseAvcDecoderRecord,
  toAvcc,
} from '@gala/media/h264';
import { expect, test } from 'vitest';
import { readFlvTags } from '../../../media/fixtures/flv.ts';
import { InBandSets } from './in-band-sets.ts';
import { bodies } from './testing.ts';

const [header] = readFlvTags().filter(({ type, payload }) => type === 'video' && payload[1] === 0);
const { sps, pps } = parseAvcDecoderRecord(header.payload.subarray(5));
/** The same at another level, and so other sets. */
const otherSps = Buffer.from(sps[0]);
otherSps[3]++;
const idr = Buffer.from([0x65, 1, 2, 3]);
const keyFrame = (...nals: Buffer[]): Buffer =>
  Buffer.concat([bodies.keyFrame().subarray(0, 5), toAvcc(nals)]);
const headerOf = (...sets: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([0x17, 0, 0, 0, 0]), encodeAvcDecoderRecord(createAvcDecoderRecord(sets, pps))]);

test('pictures with the sets of their header, and pictures without any, need nothing', () => {
  const sets = new InBandSets();
  for (const message of [header.payload, keyFrame(idr), keyFrame(...sps, ...pps, idr), bodies.interFrame()]) {
    expect(sets.setUpBefore(message)).toBeUndefined();
    expect(sets.isOutdated(message)).toBe(false);
  }
});

test('sets that change with the pictures make a header once, and overrule the old one when that is repeated', () => {
  const sets = new InBandSets();
  sets.setUpBefore(header.payload);
  expect(sets.setUpBefore(keyFrame(otherSps, ...pps, idr))).toEqual(headerOf(otherSps));
  expect(sets.setUpBefore(keyFrame(otherSps, ...pps, idr))).toBeUndefined();
  expect(sets.isOutdated(header.payload)).toBe(true);
  expect(sets.setUpBefore(keyFrame(otherSps, idr))).toBeUndefined();
  // Another header is news, and so are the sets that it brought when they come back later.
  sets.setUpBefore(headerOf(otherSps));
  expect(sets.isOutdated(header.payload)).toBe(false);
});

test('a publisher without a header gets one from its first key frame', () => {
  expect(new InBandSets().setUpBefore(keyFrame(...sps, ...pps, idr))).toEqual(headerOf(...sps));
});

test('in the form of the sender', () => {
  const enhanced = Buffer.concat([Buffer.from([0x91]), Buffer.from('avc1'), Buffer.alloc(3)]);
  const made = new InBandSets().setUpBefore(Buffer.concat([enhanced, toAvcc([...sps, ...pps, idr])]));
  expect(made?.subarray(0, 5)).toEqual(Buffer.concat([Buffer.from([0x90]), Buffer.from('avc1')]));
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a torn unit', keyFrame(otherSps).subarray(0, -1)],
  ['a header that cannot be read', Buffer.from([0x17, 0, 0, 0, 0, 9])],
  ['sets that cannot be read', keyFrame(Buffer.from([0x67, 100]), Buffer.from([0x68, 1]), idr)],
  ['another codec', Buffer.from([0x1c, 1, 0, 0, 0, 1])],
])('%s does no harm', (_, message) => {
  expect(new InBandSets().setUpBefore(message)).toBeUndefined();
});

import { expect, test } from 'vitest';
import { TagEncoder } from './tag-encoder.ts';
import { tracksOf } from './stream-tracks.ts';
import { bodies } from './testing.ts';

const tagOf = (kind: 'video' | 'audio' | 'data', body: Buffer) => {
  const tag = new TagEncoder().encode(kind, 0, body);
  if (typeof tag === 'string') throw new Error(tag);
  return tag;
};

/** avcC of a real encoder: Main profile, level 3.0, 640 x 360. */
const avcRecord = Buffer.from(
  '014d401effe10018674d401eeca05017fcb808800000030080000019078b16cb01000468ebecb2',
  'hex',
);

test('tracks are told by their set-up, metadata are none', () => {
  const video = Buffer.concat([Buffer.from([0x17, 0, 0, 0, 0]), avcRecord]);
  const headers = [tagOf('data', bodies.metadata), tagOf('video', video), tagOf('audio', bodies.audioHeader)];
  expect(tracksOf(headers)).toEqual([
    { kind: 'video', codec: 'avc1.4d401e', width: 640, height: 360 },
    { kind: 'audio', codec: 'mp4a.40.2', samplingRateHz: 44_100, channels: 2 },
  ]);
});

test('set-up that cannot be read is named without its details', () => {
  expect(tracksOf([tagOf('video', bodies.videoHeader())])).toEqual([{ kind: 'video', codec: 'unknown' }]);
});

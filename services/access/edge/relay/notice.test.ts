import { FlvTagReader, encodeFlvHeader, encodeTag, type FlvTag } from '@gala/media/flv';
import { expect, test } from 'vitest';
import { encodeScript } from '../script.ts';
import { encodeNotice, readNotice, type Notice } from './notice.ts';

function tagOf(bytes: Buffer): FlvTag {
  const reader = new FlvTagReader();
  reader.append(Buffer.concat([encodeFlvHeader({ hasAudio: true, hasVideo: true }), bytes]));
  return reader.next()!;
}

const publisher = {
  roomId: 2 ** 52 + 1,
  hostName: 'Anna',
  isPrivate: true,
  holdMs: 30_000,
  epoch: 12,
  liveMs: 2 ** 33 + 5,
  traceparent: '',
};

test.each<Notice>([
  { kind: 'publisher', publisher },
  { kind: 'end', reason: 'hold_expired' },
  { kind: 'alive' },
])('$kind is read as it was said', (notice) => {
  expect(readNotice(tagOf(encodeNotice(notice, 2 ** 32 + 7)))).toEqual(notice);
});

test('what is part of the stream is no notice, and what a newer edge says is none that counts', () => {
  const data = (payload: Buffer) => tagOf(encodeTag({ type: 'data', timestampMs: 0, payload }));
  expect(readNotice(data(Buffer.from([2, 0, 6, 0x6f, 0x6e, 0x54, 0x65, 0x78, 0x74])))).toBeUndefined();
  expect(readNotice({ type: 'video', timestampMs: 0, payload: Buffer.from('onGala') })).toBeUndefined();
  expect(readNotice(data(encodeScript('onGalaTomorrow', { much: 1 })))).toEqual({ kind: 'alive' });
});

test('a notice with fields that make no sense is an error of the pull', () => {
  const payload = encodeScript('onGalaPublisher', { ...publisher, epoch: -1 });
  expect(() => readNotice({ type: 'data', timestampMs: 0, payload })).toThrow();
});

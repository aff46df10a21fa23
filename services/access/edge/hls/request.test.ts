import { expect, test } from 'vitest';
import { isHlsUrl, parseHlsUrl } from './request.ts';

test.each([
  ['/live/1048577.m3u8', { roomId: 1_048_577, asked: { kind: 'multivariant' } }],
  ['/live/@Ada.m3u8?sig=a', { hostName: 'Ada', asked: { kind: 'multivariant' } }],
  ['/live/1048577/index.m3u8?_HLS_msn=3', { roomId: 1_048_577, asked: { kind: 'playlist' } }],
  ['/live/7/segment-12.m4s', { asked: { kind: 'file', file: { kind: 'segment', number: 12 } } }],
  ['/live/7/part-12.m4s?sig=a', { asked: { kind: 'file', file: { kind: 'part', number: 12 } } }],
  ['/live/7.m3u8?container=ts', { form: { name: 'ts' }, asked: { kind: 'multivariant' } }],
  ['/live/7.m3u8?only=audio', { form: { name: 'audio' }, asked: { kind: 'multivariant' } }],
  ['/live/7.m3u8?only=audio&container=ts', { form: { name: 'ts-audio' } }],
  ['/live/7/audio/index.m3u8', { form: { name: 'audio' }, asked: { kind: 'playlist' } }],
  ['/live/7/ts/segment-1.ts', { form: { name: 'ts' }, asked: { file: { kind: 'segment', number: 1 } } }],
  ['/live/7/init-1.mp4', { asked: { kind: 'file', file: { kind: 'init', number: 1 } } }],
])('%s is understood', (url, target) => {
  expect(isHlsUrl(url)).toBe(true);
  expect(parseHlsUrl(url)).toMatchObject(target);
});

test.each([
  ['/live/.m3u8', 'STREAM_UNKNOWN'],
  ['/live/@a.m3u8', 'STREAM_UNKNOWN'],
  ['/live/99999999999999999.m3u8', 'STREAM_UNKNOWN'],
  ['/live/@ada/index.m3u8', 'STREAM_UNKNOWN'],
  ['/live/7/a/b.m4s', 'STREAM_UNKNOWN'],
  ['/live/7/', 'STREAM_UNKNOWN'],
  ['/live/7/segment-12.ts', 'SEGMENT_UNKNOWN'],
  ['/live/7/ts/segment-12.m4s', 'SEGMENT_UNKNOWN'],
  ['/live/7/ts/ts/index.m3u8', 'STREAM_UNKNOWN'],
  ['/live/7.m3u8?container=webm', 'VARIANT_INVALID'],
  ['/live/7.m3u8?only=video', 'VARIANT_INVALID'],
  ['/live/7/..', 'SEGMENT_UNKNOWN'],
  ['/live/7/segment-012.m4s', 'SEGMENT_UNKNOWN'],
])('%s is refused as %s', (url, code) => {
  expect(isHlsUrl(url)).toBe(true);
  expect(() => parseHlsUrl(url)).toThrow(expect.objectContaining({ code }));
});

test.each(['/live/7.flv', '/live/@ada.flv?x=/a.m3u8', '/live', '/live/7', '/other/7.m3u8'])(
  '%s is no HLS',
  (url) => {
    expect(isHlsUrl(url)).toBe(false);
  },
);

import { verifyPlay } from '@gala/protocol/play';
import { schemas, type Room } from '@gala/protocol/rest';
import { expect, test } from 'vitest';
import type { Page } from './page.ts';
import { playUrls, publishTarget, withCover } from './play.ts';

const room = { roomId: 1_048_577, state: 'live', visibility: 'public' } as Room;
const page: Page = { scheme: 'http', host: 'gala.test:8080', hostname: 'gala.test' };
const securePage: Page = { ...page, scheme: 'https' };
const addresses = { livePort: 8081, rtmpPort: 1935 };
const urls = (options: Partial<Parameters<typeof playUrls>[0]>) =>
  playUrls({ room, page, addresses, ...options }).map((play) => schemas.playUrl.parse(play).url);

test('WS-FLV goes before HTTP-FLV, LL-HLS and RTMP, on the host name of the page', () => {
  expect(playUrls({ room, page, addresses }).map((play) => play.protocol)).toEqual([
    'ws-flv',
    'http-flv',
    'll-hls',
    'rtmp',
  ]);
  expect(urls({})).toEqual([
    'ws://gala.test:8081/live/1048577.flv',
    'http://gala.test:8081/live/1048577.flv',
    'http://gala.test:8081/live/1048577.m3u8',
    'rtmp://gala.test/live/1048577',
  ]);
});

test('renditions come behind the stream itself, over all protocols', () => {
  const plays = playUrls({ room: { ...room, renditions: ['540p', '360p'] }, page, addresses });
  expect(plays.map(({ rendition }) => rendition)).toEqual([
    ...Array<undefined>(4).fill(undefined),
    ...Array<string>(4).fill('540p'),
    ...Array<string>(4).fill('360p'),
  ]);
  expect(plays.slice(4, 8).map(({ url }) => url)).toEqual([
    'ws://gala.test:8081/live/1048577_540p.flv',
    'http://gala.test:8081/live/1048577_540p.flv',
    'http://gala.test:8081/live/1048577_540p.m3u8',
    'rtmp://gala.test/live/1048577_540p',
  ]);
});

test('public rooms on air have the address of their picture', () => {
  const url = (options: Partial<Room>) => withCover({ ...room, ...options }, page, addresses).coverUrl;
  expect(url({})).toBe('http://gala.test:8081/live/1048577.jpg');
  expect(url({ visibility: 'private' })).toBeUndefined();
  expect(url({ state: 'ended' })).toBeUndefined();
});

test('the scheme follows the page', () => {
  expect(urls({ page: securePage })[0]).toBe('wss://gala.test:8081/live/1048577.flv');
  const configured = { ...addresses, liveUrl: 'http://edge.test/media/' };
  expect(urls({ addresses: configured })[1]).toBe('http://edge.test/media/live/1048577.flv');
  expect(urls({ addresses: configured, page: securePage })).toEqual([
    'wss://edge.test/media/live/1048577.flv',
    'https://edge.test/media/live/1048577.flv',
    'https://edge.test/media/live/1048577.m3u8',
    'rtmp://gala.test/live/1048577',
  ]);
});

test('a secure edge is not downgraded for a plain page', () => {
  expect(urls({ addresses: { ...addresses, liveUrl: 'https://edge.test' } })[0]).toMatch(/^wss:/);
});

test('IPv6 hosts keep their brackets', () => {
  expect(urls({ page: { scheme: 'http', host: '[::1]:8080', hostname: '[::1]' } })[1]).toBe(
    'http://[::1]:8081/live/1048577.flv',
  );
});

test('a grant signs all URLs so that an edge admits them', () => {
  const key = { kid: 'k1', secret: Buffer.alloc(32, 1) };
  const grant = { key, expiresAtMs: 1_800_000_000_000 };
  for (const { url, expiresAtMs } of playUrls({ room, page, addresses, grant })) {
    const query = new URL(url).searchParams;
    expect(verifyPlay({ roomId: room.roomId, query, keys: [key], nowMs: grant.expiresAtMs - 1 })).toBe(true);
    expect(expiresAtMs).toBe(grant.expiresAtMs);
  }
});

test('what a browser has to play is said, and HLS is left out where it has no form for it', () => {
  const mimes = (media: Room['media']) =>
    playUrls({ room: { ...room, media }, page, addresses }).map(({ protocol, mime }) => [protocol, mime]);
  const hevc = 'video/mp4; codecs="hvc1.1.6.L93.B0,opus"';
  expect(mimes({ video: 'hvc1.1.6.L93.B0', audio: 'opus' })).toEqual([
    ['ws-flv', hevc],
    ['http-flv', hevc],
    ['ll-hls', hevc],
    ['rtmp', undefined],
  ]);
  expect(mimes({ audio: 'mp3' })).toEqual([
    ['ws-flv', 'audio/mp4; codecs="mp3"'],
    ['http-flv', 'audio/mp4; codecs="mp3"'],
    ['rtmp', undefined],
  ]);
  expect(mimes(undefined)[0]).toEqual(['ws-flv', undefined]);
});

test('a room that is not on air has nothing to play', () => {
  const counts = (['created', 'live', 'hold', 'ended'] as const).map(
    (state) => urls({ room: { ...room, state } }).length,
  );
  expect(counts).toEqual([0, 4, 4, 0]);
});

test('the publish address names the port only where it is unusual', () => {
  expect(publishTarget(page, addresses)).toEqual({ rtmpUrl: 'rtmp://gala.test/live' });
  expect(publishTarget(page, { ...addresses, rtmpPort: 2935, rtmpsPort: 1936 })).toEqual({
    rtmpUrl: 'rtmp://gala.test:2935/live',
    rtmpsUrl: 'rtmps://gala.test:1936/live',
  });
  const configured = { ...addresses, rtmpUrl: 'rtmps://in.test/live/' };
  expect(publishTarget(page, configured)).toEqual({ rtmpUrl: 'rtmps://in.test/live' });
  expect(urls({ addresses: configured })[3]).toBe('rtmps://in.test/live/1048577');
});

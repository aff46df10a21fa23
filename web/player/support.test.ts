import { expect, test } from 'vitest';
import { parseProtocol, parseQuality, planWays, renditionsOf, soundOnly, type Browser } from './support.ts';

const play = [
  { protocol: 'ws-flv', url: 'ws://edge.test:8081/live/7.flv?sig=a%2Bb' },
  { protocol: 'http-flv', url: 'http://edge.test:8081/live/7.flv?sig=a%2Bb' },
  { protocol: 'll-hls', url: 'http://edge.test:8081/live/7.m3u8?sig=a%2Bb' },
  { protocol: 'rtmp', url: 'rtmp://edge.test/live/7?sig=a%2Bb' },
] as const;
const rendition = {
  protocol: 'ws-flv',
  url: 'ws://edge.test:8081/live/7_540p.flv',
  rendition: '540p',
} as const;
const chrome: Browser = { pageScheme: 'http:', canAppend: () => true, playsHls: false };
const oldPhone: Browser = { pageScheme: 'http:', canAppend: undefined, playsHls: true };
const preference = { latency: 'low', protocol: undefined, quality: undefined } as const;

test('all ways that browsers can use, in the order of the answer, with the latency beside the signature', () => {
  const { ways, missing } = planWays(play, { ...preference, latency: 'economy' }, chrome);
  expect(ways).toEqual([
    { protocol: 'ws-flv', player: 'flv', url: 'ws://edge.test:8081/live/7.flv?sig=a%2Bb&latency=economy' },
    {
      protocol: 'http-flv',
      player: 'flv',
      url: 'http://edge.test:8081/live/7.flv?sig=a%2Bb&latency=economy',
    },
    { protocol: 'll-hls', player: 'hls', url: 'http://edge.test:8081/live/7.m3u8?sig=a%2Bb' },
  ]);
  expect(missing).toEqual([]);
});

test('a chosen protocol is the only one', () => {
  const { ways } = planWays(play, { ...preference, protocol: 'http-flv' }, chrome);
  expect(ways.map(({ protocol }) => protocol)).toEqual(['http-flv']);
});

test('an HTTPS page takes nothing that the browser would block', () => {
  const secure = { protocol: 'ws-flv', url: 'wss://edge.test/live/7.flv' } as const;
  const { ways } = planWays([...play, secure], preference, { ...chrome, pageScheme: 'https:' });
  expect(ways.map(({ url }) => url)).toEqual(['wss://edge.test/live/7.flv?latency=low']);
});

test('without Media Source the browser plays the playlist by itself, or nothing', () => {
  const { ways } = planWays(play, preference, oldPhone);
  expect(ways).toEqual([
    { protocol: 'll-hls', player: 'native', url: 'http://edge.test:8081/live/7.m3u8?sig=a%2Bb' },
  ]);
  expect(planWays(play, preference, { ...oldPhone, playsHls: false }).ways).toEqual([]);
});

test('a rendition has its own addresses; one that is gone is played as the source', () => {
  const urls = (quality: string | undefined) =>
    planWays([...play, rendition], { ...preference, quality }, chrome).ways.map(({ url }) => url);
  expect(urls('540p')).toEqual(['ws://edge.test:8081/live/7_540p.flv?latency=low']);
  expect(urls('720p')).toEqual(urls(undefined));
  expect(urls(undefined)).toHaveLength(3);
  expect(renditionsOf([...play, rendition, rendition])).toEqual(['540p']);
});

test('sound alone is asked of the addresses of the source, whatever its pictures are', () => {
  const { ways } = planWays([...play, rendition], { ...preference, quality: soundOnly }, chrome);
  expect(ways.map(({ url }) => new URL(url).searchParams.get('only'))).toEqual(['audio', 'audio', 'audio']);
  const pictureless = { ...chrome, canAppend: (type: string) => !type.startsWith('video/') };
  expect(planWays(play, { ...preference, quality: soundOnly }, pictureless).ways).toHaveLength(3);
});

test('what the browser cannot play is named, and what FLV cannot bring comes by HLS', () => {
  const mime = 'video/mp4; codecs="hvc1.1.6.L93.B0,mp4a.40.2"';
  const lacksHevc = { ...chrome, canAppend: (type: string) => !type.includes('hvc1') };
  const hevc = play.map((entry) => ({ ...entry, mime }));
  expect(planWays(hevc, preference, lacksHevc)).toEqual({
    ways: [],
    missing: [{ name: 'HEVC', kind: 'video' }],
  });
  expect(planWays(hevc, preference, chrome).ways).toHaveLength(3);
  const vp9 = play.map((entry) => ({ ...entry, mime: 'video/mp4; codecs="vp09.00.10.08,opus"' }));
  expect(planWays(vp9, preference, chrome).ways.map(({ protocol }) => protocol)).toEqual(['ll-hls']);
});

test('without word of the codecs H.264 with AAC is asked for', () => {
  const asked: string[] = [];
  const canAppend = (type: string): boolean => asked.push(type) > 0;
  planWays(play.slice(0, 1), preference, { ...chrome, canAppend });
  expect(asked.some((type) => type.includes('avc1'))).toBe(true);
  expect(planWays(play, preference, { ...chrome, canAppend: () => false }).ways).toEqual([]);
});

test('an unknown protocol or quality of the address is no choice', () => {
  expect([parseProtocol('http-flv'), parseProtocol('rtmp'), parseProtocol(null)]).toEqual([
    'http-flv',
    undefined,
    undefined,
  ]);
  expect([parseQuality('540p'), parseQuality('a b'), parseQuality(null)]).toEqual([
    '540p',
    undefined,
    undefined,
  ]);
});

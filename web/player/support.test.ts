import { expect, test } from 'vitest';
import { canPlayFlv, choosePlayUrls, parseProtocol } from './support.ts';

const play = [
  { protocol: 'ws-flv', url: 'ws://edge.test:8081/live/7.flv?sig=a%2Bb' },
  { protocol: 'http-flv', url: 'http://edge.test:8081/live/7.flv?sig=a%2Bb' },
  { protocol: 'rtmp', url: 'rtmp://edge.test/live/7?sig=a%2Bb' },
] as const;

test('all addresses that browsers can use, in the order of the answer, with the latency beside the signature', () => {
  const chosen = choosePlayUrls(play, { latency: 'economy', protocol: undefined }, 'http:');
  expect(chosen.map(({ url }) => url)).toEqual([
    'ws://edge.test:8081/live/7.flv?sig=a%2Bb&latency=economy',
    'http://edge.test:8081/live/7.flv?sig=a%2Bb&latency=economy',
  ]);
});

test('a chosen protocol is the only one', () => {
  const chosen = choosePlayUrls(play, { latency: 'low', protocol: 'http-flv' }, 'http:');
  expect(chosen.map(({ protocol }) => protocol)).toEqual(['http-flv']);
});

test('an HTTPS page takes nothing that the browser would block', () => {
  const secure = { protocol: 'ws-flv', url: 'wss://edge.test/live/7.flv' } as const;
  const chosen = choosePlayUrls([...play, secure], { latency: 'low', protocol: undefined }, 'https:');
  expect(chosen.map(({ url }) => url)).toEqual(['wss://edge.test/live/7.flv?latency=low']);
});

test('what the browser says about H.264 with AAC decides', () => {
  const says = (answer: boolean) => ({ isTypeSupported: (type: string) => answer && type.includes('avc1') });
  expect(canPlayFlv({ MediaSource: says(true) })).toBe(true);
  expect(canPlayFlv({ ManagedMediaSource: says(true) })).toBe(true);
  expect(canPlayFlv({ MediaSource: says(false) })).toBe(false);
  expect(canPlayFlv({})).toBe(false);
});

test('an unknown protocol of the address is no choice', () => {
  expect([parseProtocol('http-flv'), parseProtocol('rtmp'), parseProtocol(null)]).toEqual([
    'http-flv',
    undefined,
    undefined,
  ]);
});

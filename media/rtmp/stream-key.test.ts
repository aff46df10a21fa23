import { expect, test } from 'vitest';
import { normalizeStreamAddress } from './stream-key.ts';
import { parseRtmpUrl } from './url.ts';

const tcUrl = 'rtmp://host/live';

test.each([
  ['as the stream name', { app: 'live', tcUrl, streamName: '17.secret' }, 'live', '17.secret'],
  ['with slashes around', { app: '/live/', tcUrl, streamName: '/17.secret' }, 'live', '17.secret'],
  ['behind tcUrl', { app: 'live', tcUrl: `${tcUrl}?key=17.secret`, streamName: 'cam' }, 'live', '17.secret'],
  ['behind the app', { app: 'live?key=17.secret', tcUrl, streamName: '' }, 'live', '17.secret'],
  ['behind the stream name', { app: 'live', tcUrl, streamName: 'cam?key=17.secret' }, 'live', '17.secret'],
  ['with an own query', { app: 'live', tcUrl, streamName: '17.secret?vhost=a' }, 'live', '17.secret'],
  ['with an empty parameter', { app: 'live', tcUrl, streamName: '17.secret?key=' }, 'live', '17.secret'],
])('the key %s', (_, input, app, streamKey) => {
  expect(normalizeStreamAddress(input)).toMatchObject({ app, streamKey });
});

test('later parameters win and their number is bounded', () => {
  const many = Array.from({ length: 100 }, (_, index) => `p${index}=1`).join('&');
  const { params, streamName } = normalizeStreamAddress({
    app: 'live?a=2&b=2',
    tcUrl: `${tcUrl}?a=1`,
    streamName: `cam?b=3&${many}`,
  });
  expect(streamName).toBe('cam');
  expect(params).toMatchObject({ a: '2', b: '3' });
  expect(Object.keys(params).length).toBeLessThanOrEqual(32);
});

test('RTMP addresses split into what connect and publish need', () => {
  expect(parseRtmpUrl('rtmp://host/live/17.secret?a=b')).toEqual({
    host: 'host',
    port: 1935,
    isSecure: false,
    app: 'live',
    tcUrl: 'rtmp://host/live',
    streamName: '17.secret?a=b',
  });
  expect(parseRtmpUrl('rtmps://[::1]:8443/live')).toMatchObject({ host: '::1', port: 8443, isSecure: true });
  for (const text of ['http://host/live', 'rtmp://host', 'rtmp:', 'nonsense']) {
    expect(() => parseRtmpUrl(text)).toThrow(expect.objectContaining({ code: 'RTMP_URL_INVALID' }));
  }
});

import { expect, test } from 'vitest';
import { parseRoute } from './route.ts';

test.each([
  ['/', { page: 'home' }],
  ['/host', { page: 'host' }],
  ['/host/', { page: 'host' }],
  ['/room/4294967299', { page: 'room', roomRef: '4294967299' }],
  ['/@night-bus', { page: 'room', roomRef: '@night-bus' }],
  ['/room/0', { page: 'unknown' }],
  ['/room/7/more', { page: 'unknown' }],
  ['/@a', { page: 'unknown' }],
  ['/nowhere', { page: 'unknown' }],
])('%s', (path, route) => {
  expect(parseRoute(path, '')).toMatchObject(route);
});

test('the query of a room page chooses latency and protocol', () => {
  expect(parseRoute('/room/7', '?protocol=http-flv&latency=realtime')).toMatchObject({
    preference: { protocol: 'http-flv', latency: 'realtime' },
  });
  expect(parseRoute('/room/7', '?protocol=x&latency=y')).toMatchObject({
    preference: { protocol: undefined, latency: 'low' },
  });
});

import { expect, test } from 'vitest';
import { parseRoute } from './route.ts';

test.each([
  ['/', { page: 'home' }],
  ['/host', { page: 'host' }],
  ['/host/', { page: 'host' }],
  ['/room/4294967299', { page: 'room', roomRef: '4294967299' }],
  ['/@night-bus', { page: 'room', roomRef: '@night-bus' }],
  ['/programmes/gala-2030', { page: 'programme', name: 'gala-2030' }],
  ['/programmes/Gala', { page: 'unknown' }],
  ['/console/programmes', { page: 'console', part: 'programmes' }],
  ['/console', { page: 'console', roomId: undefined, part: 'streams' }],
  ['/console/jobs', { page: 'console', roomId: undefined, part: 'jobs' }],
  ['/console/1048577', { page: 'console', roomId: 1048577 }],
  ['/console/x', { page: 'unknown' }],
  ['/moderate/1048577', { page: 'moderate', roomId: 1048577 }],
  ['/moderate/@mira', { page: 'unknown' }],
  ['/room/0', { page: 'unknown' }],
  ['/room/7/more', { page: 'unknown' }],
  ['/@a', { page: 'unknown' }],
  ['/nowhere', { page: 'unknown' }],
])('%s', (path, route) => {
  expect(parseRoute(path, '')).toMatchObject(route);
});

test('the query of a room page chooses latency, protocol and quality', () => {
  expect(parseRoute('/room/7', '?protocol=ll-hls&latency=realtime&quality=540p')).toMatchObject({
    preference: { protocol: 'll-hls', latency: 'realtime', quality: '540p' },
  });
  expect(parseRoute('/room/7', '?protocol=x&latency=y&quality=%3Cb%3E')).toMatchObject({
    preference: { protocol: undefined, latency: 'low', quality: undefined },
  });
});

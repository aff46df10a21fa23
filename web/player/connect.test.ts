import { expect, test } from 'vitest';
import { ApiError, type ApiErrorCode } from '@gala/sdk/room';
import { causeOfCall, causeOfFeed } from './connect.ts';
import { FeedError } from './feed.ts';

const failed = (code: ApiErrorCode): ApiError => new ApiError({ code, status: 0, message: code });

test('what enter refuses is named', () => {
  const cause = (code: ApiErrorCode) => causeOfCall(failed(code), '7');
  expect(cause('ROOM_UNKNOWN')).toBe('room-unknown');
  expect(cause('ROOM_ENDED')).toBe('room-ended');
  expect(cause('ROOM_PRIVATE')).toBe('room-private');
  expect(cause('RATE_LIMITED')).toBe('rate-limited');
  expect(cause('NETWORK_LOST')).toBe('network-lost');
  expect(cause('INTERNAL')).toBe('server-trouble');
  expect(causeOfCall(new Error('bug'), '7')).toBe('server-trouble');
});

test("under a host's name, no room means not on air", () => {
  expect(causeOfCall(failed('ROOM_UNKNOWN'), '@mira')).toBe('not-on-air');
  expect(causeOfCall(failed('HOST_UNKNOWN'), '@mira')).toBe('host-unknown');
});

test('what the edge refuses is named; a connection that just fails is a lost network', () => {
  expect(causeOfFeed(new FeedError('full', 'TOO_MANY_VIEWERS'))).toBe('edge-full');
  expect(causeOfFeed(new FeedError('gone', 'STREAM_UNKNOWN'))).toBe('not-on-air');
  expect(causeOfFeed(new FeedError('unsigned', 'PLAY_SIGNATURE_WRONG'))).toBe('room-private');
  expect(causeOfFeed(new FeedError('1006'))).toBe('network-lost');
});

import fc from 'fast-check';
import { CodedError } from '@gala/lib/error';
import { expect, test } from 'vitest';
import { parsePlayUrl } from './play-request.ts';

test.each([
  ['/live/1048577.flv', { roomId: 1_048_577, hostName: undefined, latency: 'low' }],
  ['/live/@Anna.flv?latency=realtime', { roomId: undefined, hostName: 'Anna', latency: 'realtime' }],
  ['/live/@a.b-c_d.flv?latency=economy&kid=1', { hostName: 'a.b-c_d', latency: 'economy' }],
  ['/live/1048577.flv?latency=', { latency: 'low' }],
  ['/live/1048577.flv', { wanted: 'all' }],
  ['/live/1048577.flv?only=audio', { wanted: 'audio' }],
])('%s', (url, expected) => {
  expect(parsePlayUrl(url)).toMatchObject(expected);
});

test.each([
  ['/live/', 'STREAM_UNKNOWN'],
  ['/live/1048577', 'STREAM_UNKNOWN'],
  ['/live/0.flv', 'STREAM_UNKNOWN'],
  ['/live/9999999999999999.flv', 'STREAM_UNKNOWN'],
  ['/live/@ab.flv', 'STREAM_UNKNOWN'],
  ['/live/@..%2f.flv', 'STREAM_UNKNOWN'],
  ['/live/1048577.flv?latency=fast', 'LATENCY_INVALID'],
  ['/live/1048577.flv?only=video', 'VARIANT_INVALID'],
])('%s is %s', (url, code) => {
  expect(() => parsePlayUrl(url)).toThrow(expect.objectContaining({ code }));
});

test('whatever a URL says, it is a target or a code', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parsePlayUrl(`/live/${text}`);
      } catch (error) {
        expect(error).toBeInstanceOf(CodedError);
      }
    }),
  );
});

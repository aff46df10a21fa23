import * as fc from 'fast-check';
import { expect } from 'vitest';
import { corpus } from '../fixtures/corpus.ts';
import { assertOnlyMediaErrors, cutUp, damaged, fuzz, pieceSizes } from '../fixtures/fuzz.ts';
import { steadyRandom } from '../fixtures/rtmp.ts';
import { createClientSession } from './client-session.ts';
import { MediaError } from '../error/index.ts';
import { rtmpLimits } from './limits.ts';
import { normalizeStreamAddress } from './stream-key.ts';
import { parseRtmpUrl } from './url.ts';

const limits = { ...rtmpLimits, messageBytesMax: 10_000, partialBytesMax: 20_000 };

fuzz(
  'what a damaged server says throws only MediaError and stays within the bounds',
  fc.tuple(damaged(fc.constantFrom(...corpus.rtmpServer)), pieceSizes, fc.constantFrom('publish', 'play')),
  ([bytes, sizes, role]) => {
    const session = createClientSession({
      role,
      app: 'live',
      tcUrl: 'rtmp://host/live',
      streamName: 'name',
      limits,
      random: steadyRandom,
      handler: { onWrite: () => {}, onReady: () => {}, onRefused: () => {} },
    });
    session.start();
    assertOnlyMediaErrors(() => {
      for (const piece of cutUp(bytes, sizes)) {
        session.push(piece);
        expect(session.heldBytes).toBeLessThanOrEqual(limits.partialBytesMax + 300);
      }
    });
  },
);

const address = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  damaged(fc.constant(Buffer.from('rtmp://[::1]:1935/live?key=1&a/17.secret?streamKey=%41&b=c'))).map(String),
);

fuzz('any address is split or refused', fc.tuple(address, address, address), ([app, tcUrl, streamName]) => {
  const { params } = normalizeStreamAddress({ app, tcUrl, streamName });
  expect(Object.keys(params).length).toBeLessThanOrEqual(32);
  try {
    expect(parseRtmpUrl(tcUrl).app).not.toBe('');
  } catch (error) {
    expect(error).toBeInstanceOf(MediaError);
  }
});

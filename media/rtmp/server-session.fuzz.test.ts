import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { corpus } from '../fixtures/corpus.ts';
import { assertOnlyMediaErrors, cutUp, damaged, fuzz, pieceSizes } from '../fixtures/fuzz.ts';
import { encodeMessage } from './chunk-writer.ts';
import { commandMessage } from './command.ts';
import { HANDSHAKE_BYTES } from './digest.ts';
import { createClientHello } from './handshake.ts';
import { rtmpLimits } from './limits.ts';
import { toRtmpMessage, type MediaMessage } from './message.ts';
import { createServerSession } from './server-session.ts';

const hello = Buffer.concat([createClientHello(randomBytes), Buffer.alloc(HANDSHAKE_BYTES)]);
const limits = { ...rtmpLimits, messageBytesMax: 10_000, partialBytesMax: 20_000, heldBytesMax: 5000 };
/** Unfinished messages, held bytes, and the rest of one read, which `pieceSizes` limits to 300. */
const memoryBytesMax = limits.partialBytesMax + limits.heldBytesMax + 300;

const conversation: Buffer = Buffer.concat(
  [
    commandMessage(0, 'connect', { transactionId: 1, object: { app: 'live', tcUrl: 'rtmp://host/live' } }),
    commandMessage(0, 'FCPublish', { transactionId: 2, args: ['17.secret'] }),
    commandMessage(0, 'createStream', { transactionId: 3 }),
    commandMessage(1, 'publish', { transactionId: 4, args: ['17.secret', 'live'] }),
    toRtmpMessage({ kind: 'video', timestampMs: 2 ** 24, payload: Buffer.alloc(300, 1) }, 1),
    toRtmpMessage({ kind: 'audio', timestampMs: 2 ** 24, payload: Buffer.alloc(30, 2) }, 1),
    commandMessage(0, 'FCUnpublish', { transactionId: 6, args: ['17.secret'] }),
  ].map((message) => encodeMessage(message, 128)),
);

interface Log {
  events: string[];
  media: MediaMessage[];
}

/** Runs one conversation; publishing is accepted inside the handler, or two pieces later. */
function run(pieces: Buffer[], isLate: boolean, greeting = hello): Log {
  const log: Log = { events: [], media: [] };
  const session = createServerSession({
    limits,
    handler: {
      onWrite: () => {},
      onPublish: (request) => {
        log.events.push(`publish ${request.streamKey}`);
        if (!isLate) session.acceptPublish();
      },
      onPlay: () => session.refusePlay(),
      onMedia: (message) => log.media.push(message),
      onPublishEnd: (reason) => log.events.push(`end ${reason}`),
    },
  });
  session.push(greeting);
  let piecesWaited = 0;
  for (const piece of pieces) {
    session.push(piece);
    expect(session.heldBytes).toBeLessThanOrEqual(memoryBytesMax);
    if (session.stage === 'deciding' && ++piecesWaited > 2) session.acceptPublish();
  }
  if (session.stage === 'deciding') session.acceptPublish();
  return log;
}

fuzz(
  'random chunking and late decisions give the same events',
  fc.tuple(pieceSizes, fc.boolean()),
  ([sizes, isLate]) => {
    const { events, media } = run(cutUp(conversation, sizes), isLate);
    expect(events).toEqual(['publish 17.secret', 'end FCUnpublish']);
    expect(media.map(({ payload }) => payload.length)).toEqual([300, 30]);
  },
);

fuzz(
  'damaged conversations throw only MediaError and stay within the bounds',
  fc.tuple(damaged(fc.constant(conversation)), pieceSizes, fc.boolean()),
  ([bytes, sizes, isLate]) => assertOnlyMediaErrors(() => run(cutUp(bytes, sizes), isLate)),
);

fuzz(
  'damage that begins in the handshake throws only MediaError',
  fc.tuple(damaged(fc.constantFrom(...corpus.rtmpClient)), pieceSizes),
  ([bytes, sizes]) => assertOnlyMediaErrors(() => run(cutUp(bytes, sizes), false, Buffer.alloc(0))),
);

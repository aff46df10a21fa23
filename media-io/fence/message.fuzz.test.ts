import * as fc from 'fast-check';
import { hasCode } from '@gala/lib/error';
import { cutUp, damaged, fuzz, pieceSizes } from '../../media/fixtures/fuzz.ts';
import { controlMessage, controlValue, encodeHeader, FenceReader, type FenceMessage } from './message.ts';

const bytesOf = (message: FenceMessage): Buffer => Buffer.concat([encodeHeader(message), message.body]);
const wellFormed = Buffer.concat([
  bytesOf(controlMessage({ type: 'start', rungs: [{ height: 360, bitsPerSecond: 800_000 }] })),
  bytesOf({ kind: 'video', channel: 1, timestampMs: 2 ** 40, body: Buffer.alloc(300, 5) }),
  bytesOf({ kind: 'audio', channel: 0, timestampMs: 3, body: Buffer.alloc(20, 6) }),
]);

fuzz(
  'damaged messages are read or refused, in bounded memory',
  fc.tuple(damaged(fc.constant(wellFormed)), pieceSizes),
  ([bytes, sizes]) => {
    const reader = new FenceReader();
    try {
      for (const piece of cutUp(bytes, sizes)) {
        reader.append(piece);
        for (let message = reader.next(); message; message = reader.next()) {
          if (message.kind === 'control') controlValue(message);
        }
        if (reader.heldBytes > 3 * bytes.length + 8192) throw new Error(`holds ${reader.heldBytes} bytes`);
      }
    } catch (error) {
      if (!hasCode(error, 'MESSAGE_INVALID')) throw error;
    }
  },
);

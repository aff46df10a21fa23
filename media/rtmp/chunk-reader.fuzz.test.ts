import * as fc from 'fast-check';
import { expect } from 'vitest';
import { corpus } from '../fixtures/corpus.ts';
import { assertOnlyMediaErrors, cutUp, damaged, fuzz, pieceSizes } from '../fixtures/fuzz.ts';
import { splitAggregate } from './aggregate.ts';
import { ChunkReader } from './chunk-reader.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { setChunkSizeMessage } from './control.ts';
import { rtmpLimits } from './limits.ts';
import { messageType, type RtmpMessage } from './message.ts';

const limits = { ...rtmpLimits, messageBytesMax: 20_000, partialBytesMax: 30_000 };

function readMessages(reader: ChunkReader, bytes: Buffer): RtmpMessage[] {
  reader.append(bytes);
  const messages: RtmpMessage[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
  return messages;
}

const message = fc.record({
  chunkStreamId: fc.constantFrom(3, 4, 6, 64, 700),
  typeId: fc.constantFrom<number>(messageType.audio, messageType.video, messageType.dataAmf0),
  streamId: fc.constantFrom(0, 1, 2),
  timestampMs: fc.oneof(fc.nat(100), fc.integer({ min: 2 ** 24 - 5, max: 2 ** 24 + 5 }), fc.nat(2 ** 32 - 1)),
  payload: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
});
const conversation = fc
  .record({ messages: fc.array(message, { maxLength: 6 }), chunkBytes: fc.constantFrom(1, 128, 4096) })
  .map(({ messages, chunkBytes }) => {
    const writer = new ChunkWriter();
    const change = writer.encode(setChunkSizeMessage(chunkBytes));
    writer.chunkBytes = chunkBytes;
    return { messages, bytes: Buffer.concat([change, ...messages.map((each) => writer.encode(each))]) };
  });

fuzz(
  'random chunking gives the messages that were sent',
  fc.tuple(conversation, pieceSizes),
  ([{ messages, bytes }, sizes]) => {
    const reader = new ChunkReader();
    const read = cutUp(bytes, sizes).flatMap((piece) => readMessages(reader, piece));
    expect(read).toEqual(messages);
  },
);

const chunks = fc.oneof(
  conversation.map((each): Buffer => each.bytes),
  fc.constantFrom<Buffer>(...corpus.rtmpChunks),
);

fuzz(
  'damaged chunks throw only MediaError and stay within the bounds',
  fc.tuple(damaged(chunks), pieceSizes),
  ([bytes, sizes]) => {
    const reader = new ChunkReader(limits);
    assertOnlyMediaErrors(() => {
      for (const piece of cutUp(bytes, sizes)) {
        for (const each of readMessages(reader, piece)) {
          if (each.typeId === messageType.aggregate)
            assertOnlyMediaErrors(() => [...splitAggregate(each)].length);
        }
        expect(reader.partialBytes).toBeLessThanOrEqual(limits.partialBytesMax);
      }
    });
  },
);

import { ChunkReader, messageType, OUT_CHUNK_BYTES, type RtmpMessage } from '@gala/media/rtmp';
import fc from 'fast-check';
import { Receiver } from 'ws';
import { expect, test } from 'vitest';
import { Batch } from './batch.ts';
import { Payload } from './payload.ts';
import { payloadOf, type Tag } from './tag.ts';
import { makeTag } from './testing.ts';

test('both FLV framings are views of the same memory, and the frame holds exactly the FLV bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 100, 125, 126, 1000, 65_535, 65_536, 200_000), async (size) => {
      const payload = new Payload([makeTag({ size })]);
      expect(payload.webSocket.buffer).toBe(payload.flv.buffer);
      const received = await readFrame(payload.webSocket);
      expect(received.equals(payload.flv)).toBe(true);
    }),
    { numRuns: 8 },
  );
});

test('a batch from its key frame has no picture before it, and all of the rest', () => {
  const header = makeTag({ sequenceHeader: true });
  const [inter, audio, key, next] = [
    makeTag({}),
    makeTag({ kind: 'audio' }),
    makeTag({ keyFrame: true }),
    makeTag({}),
  ];
  const batch = new Batch(1, [inter, header, audio, key, next]);
  expect(batch.hasKeyFrame).toBe(true);
  expect(batch.hasHeader).toBe(true);
  expect(batch.fromKeyFrame.flv).toEqual(Buffer.concat([header, audio, key, next].map((tag) => tag.bytes)));
  expect(batch.full.flv).toEqual(Buffer.concat([inter, header, audio, key, next].map((tag) => tag.bytes)));
});

test('shed forms leave out just what they say', () => {
  const audio = makeTag({ kind: 'audio' });
  const header = makeTag({ sequenceHeader: true });
  const disposable = makeTag({ disposable: true });
  const needed = makeTag({});
  const batch = new Batch(1, [audio, header, disposable, needed]);
  expect(batch.withoutPictures.flv).toEqual(Buffer.concat([audio.bytes, header.bytes]));
  expect(batch.withoutDisposable.flv).toEqual(Buffer.concat([audio.bytes, header.bytes, needed.bytes]));
  expect(batch.hasKeyFrame).toBe(false);
});

const anyTag = fc
  .record({
    kind: fc.constantFrom('video', 'audio', 'data'),
    timestampMs: fc.oneof(fc.nat(), fc.constantFrom(0xfffffe, 0xffffff, 2 ** 31, 2 ** 32 - 1, 2 ** 32 + 5)),
    size: fc.constantFrom(16, 200, OUT_CHUNK_BYTES + 15, OUT_CHUNK_BYTES + 16, 3 * OUT_CHUNK_BYTES),
  })
  .map((traits) => makeTag(traits));

test('the RTMP framing is the same messages on stream 1, whatever was sent before', () => {
  fc.assert(
    fc.property(fc.array(anyTag, { minLength: 1, maxLength: 8 }), fc.array(anyTag), (tags, before) => {
      const messages = readChunks(new Payload(before).rtmp, new Payload(tags).rtmp).slice(before.length);
      expect(messages).toEqual(tags.map(asMessage));
    }),
    { numRuns: 30 },
  );
});

test('each framing is encoded once, and leaves nothing out that another has', () => {
  const payload = new Payload([makeTag({}), makeTag({ kind: 'audio' })], [Buffer.from('FLV')]);
  expect(payload.in('rtmp')).toBe(payload.rtmp);
  expect(payload.in('flv')).toBe(payload.flv);
  expect(payload.in('webSocket')).toBe(payload.webSocket);
  expect([payload.tagCount, payload.isEmpty, new Payload([]).isEmpty]).toEqual([2, false, true]);
  expect(new Payload([], [Buffer.from('FLV')]).rtmp).toHaveLength(0);
});

const typeOf = { video: messageType.video, audio: messageType.audio, data: messageType.dataAmf0 };

function asMessage(tag: Tag): Partial<RtmpMessage> {
  const chunkStreamId = expect.any(Number) as number;
  const timestampMs = tag.timestampMs % 2 ** 32;
  return { chunkStreamId, typeId: typeOf[tag.kind], streamId: 1, timestampMs, payload: payloadOf(tag) };
}

/** Reads chunks of the size that a server announces. */
function readChunks(...parts: Buffer[]): RtmpMessage[] {
  const setChunkSize = Buffer.from('02000000000004010000000000000000', 'hex');
  setChunkSize.writeUInt32BE(OUT_CHUNK_BYTES, 12);
  const reader = new ChunkReader();
  const messages: RtmpMessage[] = [];
  for (const part of [setChunkSize, ...parts]) {
    reader.append(part);
    for (let message = reader.next(); message; message = reader.next()) messages.push(message);
  }
  expect(reader.unreadBytes + reader.partialBytes).toBe(0);
  return messages;
}

function readFrame(frame: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const receiver = new Receiver({ isServer: false, maxPayload: 1 << 20 });
    receiver.on('message', (data: Buffer, isBinary: boolean) =>
      isBinary ? resolve(data) : reject(new Error('text')),
    );
    receiver.on('error', reject);
    receiver.write(frame);
  });
}

import fc from 'fast-check';
import { Receiver } from 'ws';
import { expect, test } from 'vitest';
import { Batch } from './batch.ts';
import { encodePayload } from './payload.ts';
import { makeTag } from './testing.ts';

test('both framings are views of the same memory, and the frame holds exactly the FLV bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 100, 125, 126, 1000, 65_535, 65_536, 200_000), async (size) => {
      const payload = encodePayload([makeTag({ size })]);
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
  expect(batch.audioOnly.flv).toEqual(Buffer.concat([audio.bytes, header.bytes]));
  expect(batch.withoutDisposable.flv).toEqual(Buffer.concat([audio.bytes, header.bytes, needed.bytes]));
  expect(batch.hasKeyFrame).toBe(false);
});

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

import { expect, test } from 'vitest';
import { hasCode } from '@gala/lib/error';
import { controlMessage, controlValue, encodeHeader, FenceReader, type FenceMessage } from './message.ts';

const bytesOf = (message: FenceMessage): Buffer => Buffer.concat([encodeHeader(message), message.body]);

test('messages pass unchanged, in any pieces', () => {
  const messages: FenceMessage[] = [
    { kind: 'audio', channel: 0, timestampMs: 0, body: Buffer.alloc(0) },
    { kind: 'video', channel: 255, timestampMs: 2 ** 48 - 1, body: Buffer.alloc(70_000, 7) },
    { kind: 'data', channel: 3, timestampMs: 2 ** 32 + 5, body: Buffer.of(1, 2, 3) },
    controlMessage({ type: 'want', rungs: [1, 2] }, 2),
  ];
  const wire = Buffer.concat(messages.map(bytesOf));
  for (const size of [1, 7, 4096, wire.length]) {
    const reader = new FenceReader();
    const read: FenceMessage[] = [];
    for (let start = 0; start < wire.length; start += size) {
      reader.append(wire.subarray(start, start + size));
      for (let message = reader.next(); message; message = reader.next()) read.push(message);
    }
    expect(read).toEqual(messages);
    expect(reader.heldBytes).toBe(0);
  }
});

test('what is no message is a coded error, and a declared size takes no memory', () => {
  const reader = new FenceReader();
  const [large] = [bytesOf({ kind: 'video', channel: 0, timestampMs: 0, body: Buffer.alloc(0) })];
  large.writeUInt32BE(16 * 1024 * 1024, 8);
  reader.append(large);
  expect(reader.next()).toBeUndefined();
  expect(reader.heldBytes).toBeLessThan(8192);
  large.writeUInt32BE(16 * 1024 * 1024 + 1, 8);
  for (const bytes of [large, Buffer.alloc(12, 0xff)]) {
    const fresh = new FenceReader();
    fresh.append(bytes);
    expect(codeOf(() => fresh.next())).toBe('MESSAGE_INVALID');
  }
  expect(codeOf(() => controlValue({ ...controlMessage({}), body: Buffer.from('{') }))).toBe(
    'MESSAGE_INVALID',
  );
  expect(codeOf(() => controlValue({ ...controlMessage({}), body: Buffer.from('1') }))).toBe(
    'MESSAGE_INVALID',
  );
});

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return hasCode(error) ? error.code : String(error);
  }
  return undefined;
}

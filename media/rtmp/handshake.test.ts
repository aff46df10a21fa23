import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { HANDSHAKE_BYTES } from './digest.ts';
import { answerClientHello, answerServerHello, createClientHello } from './handshake.ts';
import { ServerHandshake } from './server-handshake.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });

test('a simple handshake echoes C1 as S2 and S1 as C2', () => {
  const hello = createClientHello(randomBytes);
  const step = answerClientHello(hello, randomBytes);
  expect(step?.reply).toHaveLength(1 + 2 * HANDSHAKE_BYTES);
  expect(step?.reply.subarray(1 + HANDSHAKE_BYTES)).toEqual(hello.subarray(1));
  const answer = answerServerHello(step!.reply, hello, randomBytes);
  expect(answer?.reply).toEqual(step?.reply.subarray(1, 1 + HANDSHAKE_BYTES));
});

describe.each([0, 1] as const)('complex handshake with the digest in place %d', (scheme) => {
  test('both sides accept each other', () => {
    const hello = createClientHello(randomBytes, scheme);
    const { reply } = answerClientHello(hello, randomBytes)!;
    expect(reply.subarray(1 + HANDSHAKE_BYTES)).not.toEqual(hello.subarray(1));
    const c2 = answerServerHello(reply, hello, randomBytes)!.reply;
    expect(c2).toHaveLength(HANDSHAKE_BYTES);
    expect(c2).not.toEqual(reply.subarray(1, 1 + HANDSHAKE_BYTES));
  });

  test('the client refuses an S2 that does not answer its digest', () => {
    const hello = createClientHello(randomBytes, scheme);
    const { reply } = answerClientHello(hello, randomBytes)!;
    reply[reply.length - 1] ^= 1;
    expect(() => answerServerHello(reply, hello, randomBytes)).toThrow(code('RTMP_DIGEST_INVALID'));
  });

  test('a C1 with one wrong bit is answered by echo', () => {
    const hello = createClientHello(randomBytes, scheme);
    hello[4] ^= 1;
    const { reply } = answerClientHello(hello, randomBytes)!;
    expect(reply.subarray(1 + HANDSHAKE_BYTES)).toEqual(hello.subarray(1));
  });
});

test.each([
  ['TLS ClientHello', Buffer.from('160301', 'hex'), 'NOT_RTMP'],
  ['HTTP GET', Buffer.from('GET / HTTP/1.1\r\n'), 'NOT_RTMP'],
  ['SSH', Buffer.from('SSH-2.0'), 'NOT_RTMP'],
  ['RTMPE', Buffer.from([6]), 'RTMP_ENCRYPTED'],
])('%s is refused at its first byte', (_, bytes, expected) => {
  expect(() => answerClientHello(bytes.subarray(0, 1), randomBytes)).toThrow(code(expected));
});

test('the server takes a handshake in single bytes and gives back what lies behind it', () => {
  const handshake = new ServerHandshake(randomBytes);
  const bytes = Buffer.concat([createClientHello(randomBytes), Buffer.alloc(HANDSHAKE_BYTES)]);
  let replies = 0;
  for (const byte of bytes) {
    const step = handshake.push(Buffer.from([byte]));
    if (step.reply !== undefined) replies += 1;
    expect(step.rest).toHaveLength(0);
  }
  expect(replies).toBe(1);
  expect(handshake.isDone).toBe(true);
});

test('the server takes C0, C1, C2 and a command in one read', () => {
  const handshake = new ServerHandshake(randomBytes);
  const behind = Buffer.from('behind');
  const bytes = Buffer.concat([createClientHello(randomBytes), Buffer.alloc(HANDSHAKE_BYTES), behind]);
  expect(handshake.push(bytes).rest).toEqual(behind);
  expect(handshake.isDone).toBe(true);
});

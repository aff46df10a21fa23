import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numberFlag, ReplyParser, textFlag, type Reply } from './replies.ts';

const pieces = fc.oneof(
  fc.constantFrom<Reply>(
    { status: 'EN', flags: '', value: undefined },
    { status: 'HD', flags: 'c12 t-1', value: undefined },
    { status: 'SERVER_ERROR', flags: 'object too large for cache', value: undefined },
  ),
  fc
    .uint8Array({ maxLength: 40 })
    .map((bytes): Reply => ({ status: 'VA', flags: 't7', value: Buffer.from(bytes) })),
);

function wireOf({ status, flags, value }: Reply): Buffer {
  const words = [status, value?.length, flags].filter((word) => word !== undefined && word !== '');
  const line = Buffer.from(`${words.join(' ')}\r\n`);
  return value ? Buffer.concat([line, value, Buffer.from('\r\n')]) : line;
}

test('replies come out however the bytes are cut, values of any bytes included', () => {
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 12 }),
      fc.array(fc.nat(60), { minLength: 1 }),
      (replies, cuts) => {
        const wire = Buffer.concat(replies.map(wireOf));
        const seen: Reply[] = [];
        const parser = new ReplyParser((reply) => seen.push(reply));
        for (let at = 0, cut = 0; at < wire.length; cut++) {
          const size = 1 + cuts[cut % cuts.length];
          parser.push(wire.subarray(at, at + size));
          at += size;
        }
        expect(seen).toEqual(replies);
      },
    ),
  );
});

test('a value keeps no memory but its own', () => {
  const seen: Reply[] = [];
  new ReplyParser((reply) => seen.push(reply)).push(
    Buffer.concat([Buffer.from('VA 3\r\nabc\r\n'), Buffer.alloc(0)]),
  );
  expect(seen[0].value?.buffer.byteLength).toBe(5);
});

test.each([
  'ERROR\r\n',
  'CLIENT_ERROR bad data chunk\r\n',
  'VA x\r\n',
  'VA 99999999\r\n',
  'VA 1\r\nabc',
  'HTTP/1.1 400\r\n',
  '\r\n',
  'x'.repeat(3000),
])('what is no reply is refused: %j', (wire) => {
  const parser = new ReplyParser(() => undefined);
  expect(() => parser.push(Buffer.from(wire))).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }));
});

test('bytes of any kind end in replies or in PEER_PROTOCOL', () => {
  const words = fc.constantFrom('VA ', 'HD', ' ', '3', '\r\n', 'EN\r\n', 'abc', '-', '\n');
  fc.assert(
    fc.property(
      fc.array(words).map((parts) => parts.join('')),
      (wire) => {
        const parser = new ReplyParser(() => undefined);
        try {
          parser.push(Buffer.from(wire));
        } catch (error) {
          expect(error).toMatchObject({ code: 'PEER_PROTOCOL' });
        }
      },
    ),
  );
});

test('flags are found by their letter', () => {
  expect(numberFlag('c17 t59', 't')).toBe(59);
  expect(numberFlag('t-1', 't')).toBe(-1);
  expect(numberFlag('', 't')).toBeUndefined();
  expect(textFlag('c18446744073709551615 t1', 'c')).toBe('18446744073709551615');
});

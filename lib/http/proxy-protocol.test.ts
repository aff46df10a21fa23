import { assert, property, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { parseProxyHeader } from './proxy-protocol.ts';

const signature = '\r\n\r\n\0\r\nQUIT\n';
const tcp4 = Buffer.from(
  `${signature}\x21\x11\0\x0c\xc6\x33\x64\x01\x7f\0\0\x01\x30\x39\x1f\x90GET`,
  'latin1',
);

test('version 1 names the source', () => {
  const text = 'PROXY TCP4 198.51.100.1 127.0.0.1 12345 8080\r\n';
  const header = parseProxyHeader(Buffer.from(`${text}GET /`));
  expect(header).toEqual({
    state: 'complete',
    bytes: text.length,
    source: { address: '198.51.100.1', port: 12345 },
  });
  expect(parseProxyHeader(Buffer.from('PROXY UNKNOWN\r\n'))).toMatchObject({
    state: 'complete',
    source: undefined,
  });
});

test('version 2 names the source in IPv4 and IPv6, none for LOCAL', () => {
  expect(parseProxyHeader(tcp4)).toMatchObject({
    bytes: 28,
    source: { address: '198.51.100.1', port: 12345 },
  });
  const address6 = Buffer.from('20010db8000000000000000000000001', 'hex');
  const body = Buffer.concat([address6, address6, Buffer.from([0, 80, 0, 81])]);
  const six = Buffer.concat([Buffer.from(`${signature}\x21\x21\0\x24`, 'latin1'), body]);
  expect(parseProxyHeader(six)).toMatchObject({
    bytes: 52,
    source: { address: '2001:db8:0:0:0:0:0:1', port: 80 },
  });
  const local = Buffer.from(`${signature}\x20\0\0\0`, 'latin1');
  expect(parseProxyHeader(local)).toMatchObject({ state: 'complete', bytes: 16, source: undefined });
});

test('every prefix is incomplete, and what is no header is invalid at once', () => {
  for (let length = 0; length < 28; length++)
    expect(parseProxyHeader(tcp4.subarray(0, length)).state).toBe('incomplete');
  for (const text of [
    'GET / HTTP/1.1',
    'PROXY TCP4 a b c d\r\n',
    'PROXY TCP4 1.1.1.1\r\n',
    `PROXY ${'x'.repeat(110)}`,
  ]) {
    expect(parseProxyHeader(Buffer.from(text)).state).toBe('invalid');
  }
});

test('any bytes are decided on without throwing', () => {
  const bytes = uint8Array({ maxLength: 64 }).map((tail) =>
    Buffer.concat([Buffer.from(signature, 'latin1'), tail]),
  );
  assert(
    property(bytes, (input) => ['incomplete', 'invalid', 'complete'].includes(parseProxyHeader(input).state)),
  );
});

import { describe, expect, test } from 'vitest';
import { EchoServer } from './testing/echo-server.ts';
import { clientFrame, RawPeer } from './testing/raw-peer.ts';

/** Opens with these headers (an empty one is left out) at a server that speaks two subprotocols, or none. */
async function headOf(headers: Record<string, string>, subprotocols?: string[]): Promise<string> {
  await using server = await EchoServer.start({}, { deflate: true, subprotocols });
  using peer = await RawPeer.open(server.port, headers);
  return peer.head;
}

test('4.2.2 the accept key is that of the RFC', async () => {
  const head = await headOf({});
  expect(head).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
  expect(head).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  expect(head).not.toMatch(/Protocol:|Extensions:/);
});

test.each([
  ['Upgrade in capitals', { Upgrade: 'WebSocket' }],
  ['Connection as a list', { Connection: 'keep-alive, Upgrade' }],
  ['an Origin, which is the caller’s to judge', { Origin: 'https://elsewhere.example' }],
  ['unknown subprotocols where none is spoken', { 'Sec-WebSocket-Protocol': 'chat, superchat' }],
  ['unknown extensions', { 'Sec-WebSocket-Extensions': 'x-webkit-deflate-frame, bbf-usp-protocol' }],
])('4.2.1 a handshake with %s is taken', async (_, headers) => {
  expect(await headOf(headers)).toMatch(/^HTTP\/1.1 101 /);
});

test.each([
  ['no key', { 'Sec-WebSocket-Key': '' }, 400],
  ['a short key', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }, 400],
  ['a key of 24 other characters', { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }, 400],
  ['no version', { 'Sec-WebSocket-Version': '' }, 400],
  ['version 8', { 'Sec-WebSocket-Version': '8' }, 426],
  ['version 14', { 'Sec-WebSocket-Version': '14' }, 426],
  ['a version that is no number', { 'Sec-WebSocket-Version': 'x' }, 426],
  ['another protocol to upgrade to', { Upgrade: 'h2c' }, 400],
  ['subprotocols that are no list', { 'Sec-WebSocket-Protocol': 'a,,b' }, 400],
  ['a subprotocol twice', { 'Sec-WebSocket-Protocol': 'a, a' }, 400],
  ['extensions that are no list', { 'Sec-WebSocket-Extensions': 'permessage-deflate;;' }, 400],
])('4.2.2 a handshake with %s is refused', async (_, headers, status) => {
  const head = await headOf(headers);
  expect(head).toContain(`HTTP/1.1 ${status} `);
  expect(head.includes('Sec-WebSocket-Version: 13')).toBe(status === 426);
});

test.each([
  ['first of the client’s list that is known', 'other, b, a', 'b'],
  ['only one', 'a', 'a'],
])('4.2.2 of the subprotocols the %s is chosen', async (_, offered, chosen) => {
  const head = await headOf({ 'Sec-WebSocket-Protocol': offered }, ['a', 'b']);
  expect(head).toContain(`Sec-WebSocket-Protocol: ${chosen}`);
});

test.each([
  ['none', {}],
  ['unknown ones', { 'Sec-WebSocket-Protocol': 'other' }],
])('a client with %s of the subprotocols is refused where one is needed', async (_, headers) => {
  expect(await headOf(headers, ['a', 'b'])).toContain('HTTP/1.1 400 ');
});

describe('RFC 7692, 7.1', () => {
  const answer = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

  test.each([
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=9',
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    'permessage-deflate; server_max_window_bits=15',
    'permessage-deflate; server_max_window_bits="15"',
    'permessage-deflate; server_max_window_bits=10, permessage-deflate',
    'x-other, permessage-deflate',
  ])('%s is taken, without context', async (offer) => {
    expect(await headOf({ 'Sec-WebSocket-Extensions': offer })).toContain(
      `Sec-WebSocket-Extensions: ${answer}`,
    );
  });

  test.each([
    'permessage-deflate; server_max_window_bits=10',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; client_max_window_bits=7',
    'permessage-deflate; client_max_window_bits=16',
    'permessage-deflate; client_no_context_takeover=1',
    'permessage-deflate; client_no_context_takeover; client_no_context_takeover',
    'permessage-deflate; unknown',
  ])('%s is declined, and the connection goes on without', async (offer) => {
    const head = await headOf({ 'Sec-WebSocket-Extensions': offer });
    expect(head).toMatch(/^HTTP\/1.1 101 /);
    expect(head).not.toContain('Extensions');
  });
});

test('frames right behind the handshake are read', async () => {
  await using server = await EchoServer.start();
  using peer = await RawPeer.open(server.port, {}, clientFrame(1, 'early'));
  expect((await peer.read(1))[0].payload.toString()).toBe('early');
});

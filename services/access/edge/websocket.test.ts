import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { bodies, FlvReading } from './testing.ts';
import { publish, startTestEdge, type TestEdge } from './testing-edge.ts';

const path = (edge: TestEdge): string => `/live/${edge.rooms.roomId}.flv`;

/** A WebSocket viewer of a kept library, with what it has read so far. */
async function play(edge: TestEdge) {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}${path(edge)}?latency=realtime`);
  const reading = new FlvReading();
  const payloads: Buffer[] = [];
  socket.on('message', (data: Buffer) => payloads.push(...reading.read(data).map((tag) => tag.payload)));
  await once(socket, 'open');
  return { socket, payloads };
}

const upgrade = {
  Host: 'edge',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A bare socket that sends a handshake with these headers and, in the same packet, `behind`. */
async function shake(edge: TestEdge, headers: Record<string, string>, behind: Buffer = Buffer.alloc(0)) {
  const socket: Socket = connect(edge.port, '127.0.0.1').on('error', () => undefined);
  const lines = Object.entries({ ...upgrade, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(Buffer.concat([Buffer.from(`GET ${path(edge)} HTTP/1.1\r\n${lines.join('')}\r\n`), behind]));
  let bytes: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => void (bytes = Buffer.concat([bytes, chunk])));
  await expect.poll(() => bytes.includes('\r\n\r\n')).toBe(true);
  return { socket, text: () => bytes.toString('latin1'), bytes: () => bytes };
}

/** A masked frame, as clients send it (RFC 6455, 5.3). */
function frame(opcode: number, payload: Buffer, { fin = true, masked = true } = {}): Buffer {
  const size = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
  size[0] |= masked ? 0x80 : 0;
  const head = Buffer.from([(fin ? 0x80 : 0) | opcode, ...size, ...(masked ? [0, 0, 0, 0] : [])]);
  return Buffer.concat([head, payload]);
}

const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9 };

test('WS-FLV: picture first, then what comes, each tick a binary message', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const { socket, payloads } = await play(edge);
  await expect.poll(() => payloads.length).toBeGreaterThan(2);
  expect(payloads.slice(0, 3)).toEqual([bodies.videoHeader(), bodies.audioHeader, bodies.keyFrame()]);
  host.client.sendVideo(33, bodies.interFrame(7));
  await expect.poll(() => payloads.at(-1)).toEqual(bodies.interFrame(7));
  socket.terminate();
});

test('a ping is answered between whole messages, a close is echoed with its status', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const { socket, payloads } = await play(edge);
  socket.ping('are you there');
  const [answer] = (await once(socket, 'pong')) as [Buffer];
  expect(answer.toString()).toBe('are you there');
  host.client.sendVideo(33, bodies.interFrame(7));
  await expect.poll(() => payloads.at(-1)).toEqual(bodies.interFrame(7));
  socket.close(4001, 'enough');
  expect((await once(socket, 'close'))[0]).toBe(4001);
  await expect.poll(() => edge.metric('gala_edge_viewers')).toBe(0);
  expect(await edge.metric('gala_edge_frames_malformed_total')).toBe(0);
});

test('the end of the stream is a normal closure', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const { socket } = await play(edge);
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  expect((await once(socket, 'close'))[0]).toBe(1000);
});

test.each([
  ['no key', { 'Sec-WebSocket-Key': '' }, '400', 'INVALID_REQUEST'],
  ['another version', { 'Sec-WebSocket-Version': '8' }, '426', 'UPGRADE_REQUIRED'],
])('a handshake with %s is refused', async (_, headers, status, code) => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const { socket, text } = await shake(edge, headers);
  expect(text()).toContain(`HTTP/1.1 ${status} `);
  expect(text()).toContain(code);
  expect(await edge.metric('gala_edge_viewers_joined_total')).toBe(0);
  expect(await edge.metric('gala_edge_viewers')).toBe(0);
  expect(host.client.isCongested).toBe(false);
  socket.destroy();
});

test('a room that is not on air is refused in HTTP', async () => {
  await using edge = await startTestEdge();
  const { socket, text } = await shake(edge, {});
  expect(text()).toMatch(/^HTTP\/1.1 404 /);
  expect(text()).toContain('STREAM_UNKNOWN');
  socket.destroy();
});

test('the accept key is that of RFC 6455, and frames behind the handshake are read', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const { socket, text, bytes } = await shake(edge, {}, frame(opcode.ping, Buffer.from('early')));
  expect(text()).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  await expect.poll(() => bytes().includes(Buffer.from('\x8a\x05early', 'latin1'))).toBe(true);
  socket.destroy();
});

test('a message in fragments with a ping between them is read and left alone', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const { socket, bytes } = await shake(edge, {});
  socket.write(frame(opcode.text, Buffer.from('a'), { fin: false }));
  socket.write(frame(opcode.ping, Buffer.from('mid')));
  socket.write(frame(opcode.continuation, Buffer.from('b')));
  await expect.poll(() => bytes().includes(Buffer.from('\x8a\x03mid', 'latin1'))).toBe(true);
  expect(await edge.metric('gala_edge_viewers')).toBe(1);
  socket.destroy();
});

const flood = Buffer.concat(Array.from({ length: 2000 }, () => frame(opcode.ping, Buffer.alloc(0))));

test.each([
  ['an unmasked frame', frame(opcode.ping, Buffer.alloc(0), { masked: false })],
  ['a message over the bound', frame(opcode.binary, Buffer.alloc(2000))],
  ['a continuation of nothing', frame(opcode.continuation, Buffer.from('b'))],
  ['reserved bits', Buffer.from([0xf1, 0x80, 0, 0, 0, 0])],
  ['a flood of pings', flood],
])('%s closes the connection and is counted', async (_, bytes) => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const { socket } = await shake(edge, {});
  socket.write(bytes);
  await expect.poll(() => socket.closed).toBe(true);
  expect(await edge.metric('gala_edge_frames_malformed_total')).toBe(1);
  await expect.poll(() => edge.metric('gala_edge_viewers')).toBe(0);
  expect(host.client.isCongested).toBe(false);
});

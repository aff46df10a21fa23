import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { closeCodes, encodeDeflatedFrame, encodeFrame, opcodes } from './index.ts';
import { EchoServer } from './testing/echo-server.ts';
import { clientFrame, closePayload, RawPeer } from './testing/raw-peer.ts';

const text = (payload: string | Buffer): Buffer => clientFrame(1, payload);

test('frames are shared: one buffer goes to all, in each of the three lengths', async () => {
  await using server = await EchoServer.start();
  const peers = await Promise.all([RawPeer.open(server.port), RawPeer.open(server.port)]);
  for (const size of [0, 125, 126, 65_535, 65_536]) {
    const frame = encodeFrame(Buffer.alloc(size, 'x'), opcodes.binary);
    for (const connection of server.connections) connection.write(frame);
  }
  for (const peer of peers) {
    const sizes = (await peer.read(5)).map(({ payload }) => payload.length);
    expect(sizes).toEqual([0, 125, 126, 65_535, 65_536]);
    peer[Symbol.dispose]();
  }
});

test('connections between two messages share one parser, those within one have their own', async () => {
  await using server = await EchoServer.start();
  const peers = await Promise.all(Array.from({ length: 5 }, () => RawPeer.open(server.port)));
  expect(server.endpoint.receiversMade).toBe(0);
  for (const peer of peers) {
    peer.send(text('whole'));
    await peer.read(1);
  }
  expect(server.endpoint.receiversMade).toBe(1);
  const [half, split, ...others] = peers;
  const frame = text('in two');
  half.send(frame.subarray(0, 4));
  split.send(clientFrame(1, 'fragment ', { fin: false }));
  await expect.poll(() => server.endpoint.receiversMade).toBe(2);
  for (const peer of others) {
    peer.send(text('between'));
    expect((await peer.read(2))[1].payload.toString()).toBe('between');
  }
  half.send(frame.subarray(4));
  split.send(clientFrame(0, 'of two'));
  expect((await half.read(2))[1].payload.toString()).toBe('in two');
  expect((await split.read(2))[1].payload.toString()).toBe('fragment of two');
  expect(server.endpoint.receiversMade).toBe(3);
  for (const peer of peers) peer[Symbol.dispose]();
});

test('inflating parsers are shared as well, and hand over no context', async () => {
  await using server = await EchoServer.start({}, { deflate: true });
  const clients = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const client = new WebSocket(`ws://127.0.0.1:${server.port}`, { perMessageDeflate: { threshold: 0 } });
      await once(client, 'open');
      return client;
    }),
  );
  for (let round = 0; round < 3; round++) {
    for (const [index, client] of clients.entries()) {
      const message = `round ${round} of ${index} `.repeat(20);
      client.send(message);
      expect(String((await once(client, 'message'))[0])).toBe(message);
    }
  }
  expect(server.endpoint.receiversMade).toBe(1);
  for (const client of clients) client.terminate();
});

test('a compressed frame serves all who negotiated it', async () => {
  await using server = await EchoServer.start({}, { deflate: true });
  const client = new WebSocket(`ws://127.0.0.1:${server.port}`);
  await once(client, 'open');
  expect(client.extensions).toContain('permessage-deflate');
  const payload = Buffer.from('signal '.repeat(100));
  const frame = encodeDeflatedFrame(payload, opcodes.text);
  expect(frame.length).toBeLessThan(payload.length / 10);
  for (let count = 0; count < 2; count++) {
    server.connections[0].write(frame);
    expect((await once(client, 'message'))[0]).toEqual(payload);
  }
  client.terminate();
});

test('who is closed answers and is gone; the handler hears the status', async () => {
  await using server = await EchoServer.start();
  using peer = await RawPeer.open(server.port);
  server.connections[0].close(closeCodes.goingAway, 'moving');
  const [close] = await peer.read(1);
  expect(close.payload).toEqual(closePayload(1001, 'moving'));
  peer.send(text('too late'), clientFrame(8, closePayload(1001)));
  await peer.untilClosed();
  expect(peer.frames).toHaveLength(1);
  await expect.poll(() => server.closeCodes).toEqual([1001]);
  expect(server.endpoint.closesTimedOut).toBe(0);
});

test.each([
  ['does not answer a close', (server: EchoServer) => server.connections[0].close()],
  [
    'does not end after its own',
    (_: EchoServer, peer: RawPeer) => peer.send(clientFrame(8, closePayload(1000))),
  ],
])('who %s is destroyed in time', async (_, begin) => {
  await using server = await EchoServer.start({ closeTimeoutMs: 40 });
  using peer = await RawPeer.open(server.port);
  // The peer's side stays open.
  peer.socket.allowHalfOpen = true;
  begin(server, peer);
  await expect.poll(() => server.closeCodes).toHaveLength(1);
  expect(server.endpoint.closesTimedOut).toBe(1);
});

test('a peer that goes without a word closed with 1006', async () => {
  await using server = await EchoServer.start();
  const leave = [(peer: RawPeer) => peer.socket.end(), (peer: RawPeer) => peer.socket.resetAndDestroy()];
  for (const [index, go] of leave.entries()) {
    const peer = await RawPeer.open(server.port);
    go(peer);
    await expect.poll(() => server.closeCodes.length).toBe(index + 1);
  }
  expect(server.closeCodes).toEqual([1006, 1006]);
});

test('a flood is closed with 1008, and cut off when it goes on', async () => {
  await using server = await EchoServer.start({ bytesPerSecondMax: 1000, burstBytes: 2000 });
  using peer = await RawPeer.open(server.port);
  peer.send(clientFrame(9, 'x'.repeat(100)));
  await peer.read(1);
  expect(server.failures).toEqual([]);
  const flood = Buffer.concat(Array.from({ length: 400 }, () => clientFrame(9, 'flood')));
  peer.send(flood);
  await expect.poll(() => server.failures).toEqual([1008]);
  peer.send(flood);
  await expect.poll(() => server.closeCodes).toEqual([1006]);
});

test('what is sent within the rate goes on for longer than the burst', async () => {
  await using server = await EchoServer.start({ bytesPerSecondMax: 20_000, burstBytes: 500 });
  using peer = await RawPeer.open(server.port);
  for (let sent = 0; sent < 5; sent++) {
    peer.send(clientFrame(2, Buffer.alloc(300)));
    await peer.read(sent + 1);
    // 300 bytes are earned in 15 ms.
    await sleep(30);
  }
  expect(server.failures).toEqual([]);
});

test('who sends pings and does not read gets no queue of pongs', async () => {
  await using server = await EchoServer.start({ bytesPerSecondMax: 1e9, burstBytes: 1e9 });
  using peer = await RawPeer.open(server.port);
  peer.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => clientFrame(9, 'x'.repeat(125))));
  const [connection] = server.connections;
  connection.write(encodeFrame(Buffer.alloc(20_000_000), opcodes.binary));
  const before = connection.writableLength;
  expect(before).toBeGreaterThan(65_536);
  peer.send(pings, text('end'));
  await expect.poll(() => connection.writableLength).not.toBe(before);
  // The kernel may have taken some; what was added is the echo of the message alone.
  expect(connection.writableLength).toBeLessThanOrEqual(before + 5);
});

test('the server pings too', async () => {
  await using server = await EchoServer.start();
  const client = new WebSocket(`ws://127.0.0.1:${server.port}`);
  await once(client, 'open');
  server.connections[0].ping(Buffer.from('there?'));
  await expect.poll(() => server.pongs).toEqual(['there?']);
  client.terminate();
});

test('a handler that destroys its connection in the middle of a packet reads no more of it', async () => {
  await using server = await EchoServer.start();
  const read: string[] = [];
  server.onMessage = (data, _isBinary, connection) => {
    read.push(data.toString());
    connection.destroy();
  };
  using peer = await RawPeer.open(server.port);
  peer.send(text('one'), text('two'));
  await peer.untilClosed();
  expect(read).toEqual(['one']);
  using next = await RawPeer.open(server.port);
  next.send(text('three'));
  await next.untilClosed();
  expect(read).toEqual(['one', 'three']);
});

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseVideoTag } from '@gala/media/flv';
import { createClientSession, encodeMessage, OUT_CHUNK_BYTES } from '@gala/media/rtmp';
import { describe, expect, test } from 'vitest';
import { connectRtmp } from './client.ts';
import { listenRtmp } from './server.ts';
import { recordRtmp, until, type RecordingServer } from './testing.ts';

async function rawSocket(peer: RecordingServer): Promise<Socket> {
  const socket = connect(peer.server.address().port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const closed = (socket: Socket) => (socket.closed ? Promise.resolve() : once(socket, 'close'));
const key = (streamKey: string) => ({ streamKey });

describe('junk', () => {
  test.each([
    ['a TLS ClientHello', Buffer.from('16030100f1010000ed0303', 'hex'), 'NOT_RTMP'],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), 'NOT_RTMP'],
    ['RTMPE', Buffer.from([6]), 'RTMP_ENCRYPTED'],
    [
      'noise behind a handshake',
      Buffer.concat([Buffer.from([3]), Buffer.alloc(3072, 0x55)]),
      'RTMP_HEADER_MISSING',
    ],
  ])('%s is closed at once and counted', async (_, bytes, reason) => {
    await using peer = await recordRtmp();
    const socket = await rawSocket(peer);
    // One byte of a type-3 chunk stands behind the handshake of the last case.
    socket.write(Buffer.concat([bytes, Buffer.from([0xc7])]));
    await closed(socket);
    expect(await (await peer.connected(0)).end).toBe(reason);
    expect(peer.server.counters).toMatchObject({ opened: 1, open: 0, heldBytes: 0, ended: { [reason]: 1 } });
  });

  test('a handshake that trickles is closed when its time is up', async () => {
    await using peer = await recordRtmp({ limits: { handshakeMs: 150 } });
    const socket = await rawSocket(peer);
    const startedAtMs = performance.now();
    const trickle = setInterval(() => socket.write(Buffer.from([3])), 20);
    await closed(socket);
    clearInterval(trickle);
    expect(await (await peer.connected(0)).end).toBe('HANDSHAKE_TIMEOUT');
    expect(performance.now() - startedAtMs).toBeGreaterThan(120);
  });

  test('a peer that stays silent behind its handshake is closed', async () => {
    await using peer = await recordRtmp({ limits: { commandMs: 100 } });
    const socket = await rawSocket(peer);
    socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(3072)]));
    socket.resume();
    await closed(socket);
    expect(await (await peer.connected(0)).end).toBe('COMMAND_TIMEOUT');
  });

  test('a message over the limit is closed and counted', async () => {
    await using peer = await recordRtmp();
    const socket = await rawSocket(peer);
    const header = Buffer.from('04000000ffffff0901000000', 'hex');
    socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(3072), header]));
    socket.resume();
    await closed(socket);
    expect(peer.server.counters.ended).toEqual({ RTMP_MESSAGE_TOO_LARGE: 1 });
  });
});

describe('limits', () => {
  test('connections over the maximum are closed and counted', async () => {
    const limits = { connectionsMax: 1 };
    await using peer = await recordRtmp({ limits });
    const first = await rawSocket(peer);
    await peer.connected(0);
    await closed(await rawSocket(peer));
    expect(peer.server.counters).toMatchObject({ opened: 2, open: 1, ended: { CONNECTIONS_MAX: 1 } });
    first.destroy();
    await until(() => peer.server.counters.open === 0);
  });

  test('unfinished messages of all connections share one memory', async () => {
    await using peer = await recordRtmp({ limits: { heldBytesMax: 150_000 } });
    const hello = Buffer.concat([Buffer.from([3]), Buffer.alloc(3072)]);
    const largeChunks = Buffer.from('0200000000000401000000000007ffff', 'hex');
    const unfinished = Buffer.concat([
      Buffer.from('04000000070000 0901000000'.replace(' ', ''), 'hex'),
      Buffer.alloc(100_000),
    ]);
    const first = await rawSocket(peer);
    first.write(Buffer.concat([hello, largeChunks, unfinished]));
    await until(() => peer.server.counters.heldBytes >= 100_000);
    const second = await rawSocket(peer);
    second.write(Buffer.concat([hello, largeChunks, unfinished]));
    expect(await (await peer.connected(1)).end).toBe('PROCESS_MEMORY_MAX');
    expect(peer.server.counters.open).toBe(1);
    first.destroy();
    await until(() => peer.server.counters.heldBytes === 0);
  });

  test('a publisher without a byte is closed, one that sends is not', async () => {
    await using peer = await recordRtmp({ limits: { publisherIdleMs: 600 } });
    const client = await connectRtmp(peer.url, key('17.secret'));
    await client.publish();
    const publisher = await peer.connected(0);
    for (let index = 0; index < 6; index++) {
      client.sendAudio(index, Buffer.from([0xaf, 1]));
      await delay(150);
    }
    expect(peer.server.counters.open).toBe(1);
    expect(await publisher.end).toBe('PUBLISHER_IDLE');
    expect(publisher.media).toHaveLength(6);
    await client[Symbol.asyncDispose]();
  });

  test('a connection that asks for no stream is closed', async () => {
    await using peer = await recordRtmp({ limits: { requestMs: 100 } });
    const socket = await rawSocket(peer);
    // C0 and C1, C2, connect: everything the client says behind these three writes is held back.
    const writesMax = 3;
    let writes = 0;
    const session = createClientSession({
      role: 'publish',
      app: 'live',
      tcUrl: peer.url,
      streamName: '17.secret',
      handler: {
        onWrite: (bytes) => ++writes <= writesMax && socket.write(bytes),
        onReady: () => {},
        onRefused: () => {},
      },
    });
    socket.on('data', (bytes: Buffer) => session.push(bytes));
    session.start();
    await closed(socket);
    expect(await (await peer.connected(0)).end).toBe('REQUEST_TIMEOUT');
  });

  test('a publisher that says goodbye ends its stream first, then its connection', async () => {
    await using peer = await recordRtmp();
    const client = await connectRtmp(peer.url, key('17.secret'));
    await client.publish();
    await client[Symbol.asyncDispose]();
    const publisher = await peer.connected(0);
    expect(await publisher.end).toBe('PEER_CLOSED');
    expect(publisher.publishEnds).toEqual(['FCUnpublish']);
  });
});

describe('decisions', () => {
  test('a refused publisher reads BadName, the handler hears no media', async () => {
    await using peer = await recordRtmp({}, () => Promise.resolve({ accept: false }));
    const client = await connectRtmp(peer.url, key('wrong'));
    await expect(client.publish()).rejects.toMatchObject({
      code: 'RTMP_REFUSED',
      detail: 'NetStream.Publish.BadName',
    });
    expect(await (await peer.connected(0)).end).toBe('REFUSED');
    expect(peer.server.counters).toMatchObject({
      publishesRefused: 1,
      publishesAccepted: 0,
      ended: { REFUSED: 1 },
    });
  });

  test('a decision that takes too long refuses, and is told to stop', async () => {
    let isAborted = false;
    await using peer = await recordRtmp({ limits: { decisionMs: 100 } }, (_, signal) => {
      signal.addEventListener('abort', () => (isAborted = true));
      return new Promise(() => {});
    });
    const client = await connectRtmp(peer.url, key('17.secret'));
    await expect(client.publish()).rejects.toMatchObject({ detail: 'NetStream.Publish.Failed' });
    expect(await (await peer.connected(0)).end).toBe('DECISION_TIMEOUT');
    expect(isAborted).toBe(true);
  });

  test('a decision that fails refuses', async () => {
    await using peer = await recordRtmp({}, () => Promise.reject(new Error('database')));
    const client = await connectRtmp(peer.url, key('17.secret'));
    await expect(client.publish()).rejects.toMatchObject({ detail: 'NetStream.Publish.Failed' });
    expect(await (await peer.connected(0)).end).toBe('DECISION_FAILED');
  });

  test('media in one read is followed by one end of batch', async () => {
    await using peer = await recordRtmp();
    const client = await connectRtmp(peer.url, key('17.secret'));
    await client.publish();
    const publisher = await peer.connected(0);
    for (let index = 0; index < 20; index++) client.sendAudio(index, Buffer.alloc(10, index));
    await until(() => publisher.media.length === 20);
    expect(publisher.batches).toBeGreaterThanOrEqual(1);
    expect(publisher.batches).toBeLessThanOrEqual(20);
    await client[Symbol.asyncDispose]();
    await publisher.end;
  });

  test('a publisher that is taken over reads BadName before the end', async () => {
    await using peer = await recordRtmp();
    const statuses: string[] = [];
    const gone = Promise.withResolvers<string | undefined>();
    const client = await connectRtmp(peer.url, {
      streamKey: '17.secret',
      onStatus: ({ code }) => statuses.push(code),
      onClose: (error) => gone.resolve(error?.detail),
    });
    await client.publish();
    const publisher = await peer.connected(0);
    publisher.connection.dismissPublisher();
    expect(await gone.promise).toBe('NetStream.Publish.BadName');
    expect(statuses).toEqual(['NetStream.Publish.Start', 'NetStream.Publish.BadName']);
    expect(await publisher.end).toBe('DISMISSED');
    expect(client.sendVideo(0, Buffer.alloc(1))).toBe(false);
  });
});

test('media that the owner cannot parse ends its connection alone', async () => {
  const ends: string[] = [];
  await using server = await listenRtmp({
    port: 0,
    host: '127.0.0.1',
    onSession: () => ({
      onPublish: () => ({ accept: true }),
      onMedia: ({ payload }) => void parseVideoTag(payload),
      onEnd: (reason) => ends.push(reason),
    }),
  });
  const url = `rtmp://127.0.0.1:${server.address().port}/live`;
  const [broken, whole] = [await connectRtmp(url, key('1.a')), await connectRtmp(url, key('2.b'))];
  await Promise.all([broken.publish(), whole.publish()]);
  broken.sendVideo(0, Buffer.from([0x17]));
  await until(() => ends.length > 0);
  expect(ends).toEqual(['FLV_TRUNCATED']);
  expect(server.counters.open).toBe(1);
  await whole[Symbol.asyncDispose]();
});

test('players get what the owner sends, and the end of the stream', async () => {
  await using server = await listenRtmp({
    port: 0,
    host: '127.0.0.1',
    onSession: (connection) => ({
      onPublish: () => ({ accept: false }),
      onPlay: (request) => Promise.resolve({ accept: request.streamName === 'room' }),
      onStart: () =>
        connection.sendMedia({ kind: 'video', timestampMs: 7, payload: Buffer.alloc(100_000, 1) }),
      onMedia: () => {},
      onEnd: () => {},
    }),
  });
  const url = `rtmp://127.0.0.1:${server.address().port}/live`;
  const received: number[] = [];
  const gone = Promise.withResolvers<void>();
  const client = await connectRtmp(`${url}/room`, { onClose: () => gone.resolve() });
  await client.play((message) => message.kind === 'video' && received.push(message.payload.length));
  await until(() => received.length > 0);
  expect(received).toEqual([100_000]);
  for (const connection of server.connections) connection.endPlay();
  await gone.promise;
  const other = await connectRtmp(`${url}/nothing`);
  await expect(other.play(() => {})).rejects.toMatchObject({ detail: 'NetStream.Play.StreamNotFound' });
});

test('a player that says more than players do is closed, one that pings now and then is answered', async () => {
  const ends: string[] = [];
  await using server = await listenRtmp({
    port: 0,
    host: '127.0.0.1',
    onSession: () => ({
      onPublish: () => ({ accept: false }),
      onPlay: () => ({ accept: true }),
      onMedia: () => {},
      onEnd: (reason) => ends.push(reason),
    }),
  });
  const socket = connect(server.address().port, '127.0.0.1').on('error', () => {});
  let isReady = false;
  const session = createClientSession({
    role: 'play',
    app: 'live',
    tcUrl: 'rtmp://127.0.0.1/live',
    streamName: 'room',
    handler: {
      onWrite: (bytes) => socket.write(bytes),
      onReady: () => (isReady = true),
      onRefused: () => {},
    },
  });
  let received: Buffer = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    session.push(bytes);
  });
  session.start();
  await until(() => isReady);
  const ping = Buffer.from('000612345678', 'hex');
  const message = { chunkStreamId: 2, typeId: 4, streamId: 0, timestampMs: 0, payload: ping };
  const bytes = encodeMessage(message, OUT_CHUNK_BYTES);
  socket.write(bytes);
  await until(() => received.includes(Buffer.from('000712345678', 'hex')));
  expect(ends).toEqual([]);
  for (let count = 0; count < 1000; count++) socket.write(bytes);
  await closed(socket);
  expect(ends).toEqual(['PLAYER_FLOOD']);
});

test('a taken port is a coded error, and disposing closes every connection', async () => {
  const peer = await recordRtmp();
  const { port } = peer.server.address();
  const onSession = () => ({
    onPublish: () => ({ accept: false as const }),
    onMedia: () => {},
    onEnd: () => {},
  });
  await expect(listenRtmp({ port, host: '127.0.0.1', onSession })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
  });
  const socket = await rawSocket(peer);
  const { end } = await peer.connected(0);
  await peer[Symbol.asyncDispose]();
  expect(await end).toBe('SERVER_CLOSED');
  await closed(socket);
});

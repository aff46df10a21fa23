import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { expect, test } from 'vitest';
import { connectRtmp } from './client.ts';
import { recordRtmp } from './testing.ts';

async function rawServer(onBytes: (bytes: Buffer) => Buffer | undefined): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const answer = onBytes(bytes);
      if (answer !== undefined) socket.write(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const urlOf = (server: Server) => `rtmp://127.0.0.1:${(server.address() as AddressInfo).port}/live/x`;

test('a server that cannot be reached is a coded error', async () => {
  const server = await rawServer(() => undefined);
  const url = urlOf(server);
  server.close();
  await once(server, 'close');
  await expect(connectRtmp(url)).rejects.toMatchObject({ code: 'RTMP_UNREACHABLE' });
});

test('a server that stays silent times out', async () => {
  await using server = await rawServer(() => undefined);
  const client = await connectRtmp(urlOf(server), { timeoutMs: 100 });
  await expect(client.publish()).rejects.toMatchObject({ code: 'RTMP_TIMEOUT' });
  await client[Symbol.asyncDispose]();
});

test('a server that speaks something else is a broken protocol', async () => {
  await using server = await rawServer(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const client = await connectRtmp(urlOf(server));
  await expect(client.publish()).rejects.toMatchObject({ code: 'RTMP_PROTOCOL', detail: 'NOT_RTMP' });
  await client[Symbol.asyncDispose]();
});

test.each([0, 1] as const)(
  'publishes with the complex handshake, digest in place %d',
  async (digestScheme) => {
    await using peer = await recordRtmp();
    await using client = await connectRtmp(`${peer.url}/17.secret?vhost=a`, { digestScheme });
    await client.publish();
    const { requests } = await peer.connected(0);
    expect(requests).toMatchObject([{ app: 'live', streamKey: '17.secret', params: { vhost: 'a' } }]);
  },
);

test('media over the bound is not taken, and room is announced', async () => {
  await using peer = await recordRtmp();
  const drained = Promise.withResolvers<void>();
  const client = await connectRtmp(peer.url, {
    streamKey: '17.secret',
    writableBytesMax: 3_000_000,
    onDrain: () => drained.resolve(),
  });
  await client.publish();
  const frame = Buffer.alloc(1_000_000, 7);
  let taken = 0;
  while (client.sendVideo(taken, frame) && taken < 50) taken += 1;
  expect(taken).toBeGreaterThanOrEqual(2);
  expect(taken).toBeLessThan(50);
  expect(client.droppedMessages).toBe(1);
  expect(client.writableLength).toBeLessThan(3_010_000);
  await drained.promise;
  expect(client.sendVideo(taken, frame)).toBe(true);
  await client[Symbol.asyncDispose]();
  const publisher = await peer.connected(0);
  await publisher.end;
  expect(publisher.media.map((message) => message.payload.length)).toEqual(Array(taken + 1).fill(1_000_000));
});

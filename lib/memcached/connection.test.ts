import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { NodeConnection } from './connection.ts';

/**
 * Goal: whatever a node does, a request is over in time, and answers belong to their questions.
 * Method: listeners that answer, are late, are silent or talk nonsense, over real sockets.
 */
const limitMs = 60;
const closing: Disposable[] = [];

afterEach(() => {
  for (const each of closing.splice(0)) each[Symbol.dispose]();
});

interface Peer {
  readonly server: Server;
  readonly sockets: Socket[];
  readonly connection: NodeConnection;
}

/** A listener that does `onData` with what it hears, and a connection to it. */
async function peer(onData: (socket: Socket, text: string) => void, limit = limitMs): Promise<Peer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined).on('data', (data) => onData(socket, data.toString('latin1')));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = new NodeConnection({ host: '127.0.0.1', port, limitMs: limit, clock: systemClock });
  closing.push(connection, {
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return { server, sockets, connection };
}

const echo = (socket: Socket, text: string): void => {
  for (const [, name] of text.matchAll(/mg (\S+) v\r\n/g)) socket.write(`VA ${name.length}\r\n${name}\r\n`);
};
const ask = async (connection: NodeConnection, name: string): Promise<string | undefined> =>
  (await connection.request([`mg ${name} v\r\n`], 1))[0].value?.toString();

test('many requests at once share a connection, and each gets its own answer', async () => {
  const { connection, sockets } = await peer(echo, 5000);
  const names = Array.from({ length: 500 }, (_, index) => `key${index}`);
  expect(await Promise.all(names.map((name) => ask(connection, name)))).toEqual(names);
  const replies = await connection.request(['mg a v\r\n', Buffer.from('mg b v\r\n')], 2);
  expect(replies.map(({ value }) => value?.toString())).toEqual(['a', 'b']);
  expect(sockets).toHaveLength(1);
});

test('a silent node costs the limit and its connection; the next request makes another one', async () => {
  let isSilent = true;
  const { connection, sockets } = await peer((socket, text) => {
    if (!isSilent) echo(socket, text);
  });
  const startMs = performance.now();
  const all = await Promise.allSettled([ask(connection, 'a'), ask(connection, 'b')]);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(limitMs);
  const late = expect.objectContaining({ code: 'PEER_TIMEOUT' });
  expect(all).toEqual([
    { status: 'rejected', reason: late },
    { status: 'rejected', reason: late },
  ]);
  isSilent = false;
  await vi.waitFor(async () => expect(await ask(connection, 'c')).toBe('c'), { timeout: 5000 });
  expect(sockets.length).toBeGreaterThan(1);
});

test('what comes late belongs to nobody, and the answers behind it to their questions', async () => {
  let heard = '';
  const { connection, sockets } = await peer((_, text) => {
    heard += text;
  }, 500);
  const late = ask(connection, 'late');
  await expect.poll(() => heard).toContain('late');
  sockets[0].write('VA 4\r\nl');
  await expect(late).rejects.toMatchObject({ code: 'PEER_TIMEOUT' });
  const next = ask(connection, 'next');
  await expect.poll(() => heard).toContain('next');
  sockets[0].write('ate\r\nVA 4\r\nnext\r\n');
  expect(await next).toBe('next');
  expect(sockets).toHaveLength(1);
});

test('more than the bound of outstanding answers is refused at once', async () => {
  const { connection } = await peer(() => undefined);
  const waiting = connection.request(['mn\r\n'], 8192);
  expect(connection.hasRoomFor(1)).toBe(false);
  await expect(connection.request(['mn\r\n'], 1)).rejects.toMatchObject({ code: 'PEER_BUSY' });
  await expect(waiting).rejects.toMatchObject({ code: 'PEER_TIMEOUT' });
  expect(connection.hasRoomFor(1)).toBe(true);
});

test.each([
  ['another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['an old server', 'ERROR\r\n'],
  ['more answers than questions', 'EN\r\nEN\r\n'],
])('%s is PEER_PROTOCOL or an answer, and the connection is not used again', async (_, wire) => {
  const { connection, sockets } = await peer((socket) => void socket.write(wire), 5000);
  const outcome = await ask(connection, 'a').catch((error: unknown) => error);
  if (wire.startsWith('EN')) expect(outcome).toBeUndefined();
  else expect(outcome).toMatchObject({ code: 'PEER_PROTOCOL' });
  await ask(connection, 'b').catch(() => undefined);
  await expect.poll(() => sockets.length).toBeGreaterThan(1);
});

test('nobody listening is PEER_UNREACHABLE, and a close ends what waits', async () => {
  const { connection, server } = await peer(() => undefined, 5000);
  const waiting = ask(connection, 'a');
  connection[Symbol.dispose]();
  await expect(waiting).rejects.toMatchObject({ code: 'PEER_CLOSED' });
  await expect(ask(connection, 'a')).rejects.toMatchObject({ code: 'PEER_CLOSED' });
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  using nobody = new NodeConnection({ host: '127.0.0.1', port, limitMs: 5000, clock: systemClock });
  await expect(ask(nobody, 'a')).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  await expect(nobody.connect(5000)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
});

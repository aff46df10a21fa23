import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isPublicAddress, Outbound } from './index.ts';

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.255.255',
  '192.168.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fd00::1',
  'fe80::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '64:ff9b::7f00:1',
  'localhost',
])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false));

test.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
  '%s is public',
  (address) => expect(isPublicAddress(address)).toBe(true),
);

test('an address is refused before, a name while the connection is made', async () => {
  const outbound = new Outbound({ allowPrivate: false });
  expect(() => outbound.check('127.0.0.1')).toThrow(expect.objectContaining({ code: 'ADDRESS_NOT_PUBLIC' }));
  expect(() => outbound.check('[::1]')).toThrow(expect.objectContaining({ code: 'ADDRESS_NOT_PUBLIC' }));
  outbound.check('localhost');
  const socket = connect({ host: 'localhost', port: 1, lookup: outbound.lookup });
  const [error] = await once(socket, 'error').catch((thrown: unknown) => [thrown]);
  expect(error).toMatchObject({ code: 'ADDRESS_NOT_PUBLIC' });
});

test('an installation may permit its own network', async () => {
  const outbound = new Outbound({ allowPrivate: true });
  outbound.check('127.0.0.1');
  await using server = createServer((socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: 'localhost', port, family: 4, lookup: outbound.lookup });
  await once(socket, 'connect');
  socket.destroy();
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { selfSigned } from '../../lib/http/testing/self-signed.ts';
import { connectRtmp } from './client.ts';
import { recordRtmp, until, type RecordingServer } from './testing.ts';

const pair = (): { cert: Buffer; key: Buffer } => {
  const { cert, key } = selfSigned();
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
};
const urlOf = ({ url }: RecordingServer): string => url.replace('rtmp://127.0.0.1', 'rtmps://localhost');

test('our client publishes over RTMPS to a server that it trusts, and to no other', async () => {
  const tls = pair();
  await using origin = await recordRtmp({ tls, host: 'localhost' });
  await using client = await connectRtmp(urlOf(origin), { streamKey: '1.a', ca: tls.cert });
  await client.publish();
  client.sendAudio(0, Buffer.from([0xaf, 0, 0x12, 0x10]));
  const { connection, media } = await origin.connected(0);
  await until(() => media.length === 1);
  expect(connection.isSecure).toBe(true);
  await expect(connectRtmp(urlOf(origin), { streamKey: '1.a' })).rejects.toMatchObject({
    code: 'RTMP_UNREACHABLE',
    cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  });
});

test('a renewed certificate is that of the connections from then on', async () => {
  const [old, renewed] = [pair(), pair()];
  await using origin = await recordRtmp({ tls: old, host: 'localhost' });
  await using before = await connectRtmp(urlOf(origin), { streamKey: '1.a', ca: old.cert });
  await before.publish();
  origin.server.renewCertificate(renewed);
  await using after = await connectRtmp(urlOf(origin), { streamKey: '1.a', ca: renewed.cert });
  await after.publish();
  expect(before.sendAudio(0, Buffer.of(0xaf, 0, 0x12, 0x10))).toBe(true);
});

test('what is no TLS is turned away at once, who says nothing when the time of the handshake is over', async () => {
  await using origin = await recordRtmp({ tls: pair(), limits: { handshakeMs: 300 } });
  const { port } = origin.server.address();
  const { counters } = origin.server;
  for (const noise of [Buffer.alloc(1537, 3), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.resume().write(noise);
    await once(socket, 'close');
  }
  expect(counters.ended).toEqual({ TLS_FAILED: 2 });
  const silent = connect(port, '127.0.0.1').on('error', () => undefined);
  const onlyTls = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on(
    'error',
    () => undefined,
  );
  await Promise.all([silent, onlyTls].map((socket) => once(socket.resume(), 'close')));
  expect(counters.ended).toEqual({ TLS_FAILED: 2, HANDSHAKE_TIMEOUT: 2 });
  expect([counters.open, counters.opened]).toEqual([0, 4]);
});

test('connections whose TLS is under way count for the bound', async () => {
  await using origin = await recordRtmp({ tls: pair(), limits: { connectionsMax: 1 } });
  const { port } = origin.server.address();
  const first = connect(port, '127.0.0.1').on('error', () => undefined);
  await until(() => origin.server.counters.open === 1);
  const second = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(second.resume(), 'close');
  expect(origin.server.counters.ended).toEqual({ CONNECTIONS_MAX: 1 });
  first.destroy();
});

test('ffmpeg publishes over RTMPS', { timeout: 30_000 }, async () => {
  await using origin = await recordRtmp({ tls: pair() });
  const input = '-f lavfi -i sine=frequency=440:sample_rate=44100 -t 1 -c:a aac -f flv -tls_verify 0';
  const url = `rtmps://127.0.0.1:${origin.server.address().port}/live/17.secret`;
  const child = spawn('ffmpeg', ['-hide_banner', '-nostdin', '-v', 'error', ...input.split(' '), url]);
  const log: Buffer[] = [];
  child.stderr.on('data', (bytes: Buffer) => log.push(bytes));
  const [code] = (await once(child, 'close')) as [number];
  expect([code, Buffer.concat(log).toString()]).toEqual([0, '']);
  const { requests, media } = await origin.connected(0);
  expect(requests).toMatchObject([{ app: 'live', streamKey: '17.secret' }]);
  expect(media.filter(({ kind }) => kind === 'audio').length).toBeGreaterThan(40);
});

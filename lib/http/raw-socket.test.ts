import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecure } from 'node:tls';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createLogger } from '../logger/index.ts';
import { createMetrics, type Metrics } from '../metrics/index.ts';
import { listen, takeSocket, watchCertificate, type HttpListener, type ListenOptions } from './index.ts';
import { exchange, readToEnd, readUntil } from './testing/raw-client.ts';
import { selfSigned } from './testing/self-signed.ts';

const folder = mkdtempSync(join(tmpdir(), 'gala-http-'));
const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
const logger = createLogger({ name: 'test', level: 'silent' });
const limits = {
  requestTimeoutMs: 250,
  headersTimeoutMs: 250,
  keepAliveTimeoutMs: 250,
  checkIntervalMs: 10,
  drainMs: 50,
};
const get = 'GET /1.flv HTTP/1.1\r\nHost: a\r\n\r\n';

let listener: HttpListener;
let metrics: Metrics;

afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => listener[Symbol.asyncDispose]());

function writeCertificate(): string {
  const { cert, key } = selfSigned();
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return cert;
}

/** Starts a listener that hands over every connection; `taken` lists them. */
async function start(options: Partial<ListenOptions> = {}): Promise<Socket[]> {
  metrics = createMetrics('test');
  const defaults = {
    name: 'live',
    host: '127.0.0.1',
    port: 0,
    portSetting: 'http.port',
    logger,
    metrics,
    limits,
  };
  listener = await listen({ ...defaults, ...options });
  const taken: Socket[] = [];
  listener.mount('/', (_request, response) => {
    const socket = takeSocket(response, { headers: { 'Content-Type': 'video/x-flv' } });
    if (socket) taken.push(socket);
  });
  return taken;
}

function connectTo(secure: boolean, ca?: string): Socket {
  const { port } = listener;
  const socket = secure ? connectSecure({ port, host: 'localhost', ca }) : connect(port, '127.0.0.1');
  return socket.on('error', () => undefined);
}

for (const secure of [false, true]) {
  test(`a taken socket is a body without end ${secure ? 'over TLS' : 'in plain'}, beyond every time limit`, async () => {
    const ca = writeCertificate();
    const taken = await start(secure ? { tls: files } : {});
    const client = connectTo(secure, ca);
    client.write(get);
    const head = await readUntil(client, '\r\n\r\n');
    expect(head).toMatch(
      /^HTTP\/1.1 200 OK\r\nDate: .* GMT\r\nConnection: close\r\nContent-Type: video\/x-flv\r\n\r\n$/,
    );
    // What is waited for is that nothing happens for several times the limits.
    await sleep(800);
    client.write('GET /2.flv HTTP/1.1\r\nHost: a\r\n\r\nrubbish');
    taken[0].write('first ');
    await readUntil(client, 'first ');
    const rest = readToEnd(client);
    taken[0].end('last');
    expect(await rest).toBe('last');
    expect(taken).toHaveLength(1);
    expect(await metrics.text()).toMatch(/gala_http_live_client_errors_total\S* 0/);
  });
}

test('the taken socket closes when the client goes, by reset or by end', async () => {
  const taken = await start();
  for (const leave of ['resetAndDestroy', 'end'] as const) {
    const client = connectTo(false);
    client.write(get);
    await readUntil(client, '\r\n\r\n');
    client[leave]();
    await expect.poll(() => taken.at(-1)?.closed).toBe(true);
  }
  await expect.poll(() => metrics.text()).toMatch(/gala_http_live_connections_open\S* 0/);
});

test('a request behind an unfinished one gets no socket, and its connection is closed', async () => {
  await start();
  const results: (Socket | undefined)[] = [];
  listener.mount('/slow', () => undefined);
  listener.mount('/next', (_request, response) => void results.push(takeSocket(response)));
  const slow = get.replace('1.flv', 'slow');
  expect(await exchange(listener.port, slow + get.replace('1.flv', 'next'))).toBe('');
  expect(results).toEqual([undefined]);
});

test('the parser of node:http is freed, and the connection lives on', async () => {
  const taken = await start();
  const client = connectTo(false);
  client.write(get);
  await readUntil(client, '\r\n\r\n');
  await expect.poll(() => (taken[0] as { parser?: unknown }).parser).toBeNull();
  taken[0].write('still here');
  await readUntil(client, 'still here');
  client.destroy();
  await expect.poll(() => taken[0].closed).toBe(true);
});

test('closing the listener leaves a taken socket until the drain bound, then destroys it', async () => {
  const taken = await start({ limits: { ...limits, drainMs: 100 } });
  const client = connectTo(false);
  client.write(get);
  await readUntil(client, '\r\n\r\n');
  const closed = listener[Symbol.asyncDispose]();
  taken[0].write('still here');
  await readUntil(client, 'still here');
  const end = readToEnd(client);
  await closed;
  expect(await end).toBe('');
});

test('no line break gets into the head', async () => {
  await start();
  listener.mount(
    '/evil',
    (_request, response) => void takeSocket(response, { headers: { X: 'a\r\nY: b' } })?.end(),
  );
  expect(await exchange(listener.port, get.replace('1.flv', 'evil'))).toContain('\r\nX: a  Y: b\r\n');
});

test('a renewed certificate is taken without a restart, a broken one is not', async () => {
  const before = writeCertificate();
  const certificates: string[] = [];
  let refused = 0;
  const onChange = ({ cert }: { cert: Buffer }): void => void certificates.push(cert.toString());
  await start({ tls: files });
  using watched = await watchCertificate({
    files,
    logger,
    onChange,
    onRefused: () => refused++,
    intervalMs: 10,
  });
  expect(watched.pair.cert.toString()).toBe(before);
  writeFileSync(files.key, selfSigned().key);
  await expect.poll(() => refused).toBe(1);
  const after = writeCertificate();
  await expect.poll(() => certificates.at(-1)).toBe(after);
  writeFileSync(files.cert, 'rubbish');
  await expect.poll(() => refused).toBeGreaterThan(1);
  expect(certificates.at(-1)).toBe(after);
});

test('a certificate that cannot be used is refused at the start', async () => {
  writeCertificate();
  await start({ tls: files });
  writeFileSync(files.key, selfSigned().key);
  await expect(start({ tls: files })).rejects.toMatchObject({
    code: 'TLS_INVALID',
    detail: expect.stringContaining('key'),
  });
  await expect(start({ tls: { cert: '/absent', key: '/absent' } })).rejects.toMatchObject({
    code: 'TLS_INVALID',
  });
});

test('what is no TLS is closed and counted', async () => {
  writeCertificate();
  await start({ tls: files });
  await exchange(listener.port, get);
  expect(await metrics.text()).toMatch(/gala_http_live_tls_errors_total\S* 1/);
});

test.runIf(process.platform === 'linux')(
  'of two listeners on one port, one stops accepting: its connections go on, new ones come to the other',
  async () => {
    const taken = await start({ reusePort: true });
    const first = listener;
    const socket = connectTo(false);
    socket.write(get);
    await readUntil(socket, '\r\n\r\n');
    const others = await start({ reusePort: true, port: first.port });
    first.stopAccepting();
    for (let index = 1; index <= 8; index++) {
      const other = connectTo(false);
      other.write(get);
      await readUntil(other, '\r\n\r\n');
      expect(others).toHaveLength(index);
      other.destroy();
    }
    taken[0].write('still here');
    await readUntil(socket, 'still here');
    socket.destroy();
    await first[Symbol.asyncDispose]();
  },
);

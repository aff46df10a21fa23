import { once } from 'node:events';
import { Agent, get, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { CodedError } from '../error/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics, type Metrics } from '../metrics/index.ts';
import { httpErrors, listen, readJson, respondJson, type HttpListener, type ListenOptions } from './index.ts';
import { exchange, readToEnd, readUntil } from './testing/raw-client.ts';

const open: AsyncDisposable[] = [];
let metrics: Metrics;

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(options: Partial<ListenOptions> = {}): Promise<HttpListener> {
  metrics = createMetrics('test');
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  const logger = createLogger({ name: 'test', destination });
  const defaults = {
    name: 'web',
    host: '127.0.0.1',
    port: 0,
    portSetting: 'http.port (GALA_HTTP_PORT)',
    logger,
    metrics,
  };
  const listener = await listen({ ...defaults, ...options });
  open.push(listener);
  return listener;
}

async function counted(name: string): Promise<number> {
  const line = new RegExp(`^gala_http_web_${name}\\S* (\\d+)$`, 'm').exec(await metrics.text());
  return Number(line?.[1]);
}

async function ask(
  port: number,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  const body = await response.text();
  return { status: response.status, body: body === '' ? undefined : (JSON.parse(body) as unknown) };
}

const answers = (value: unknown) => (_request: unknown, response: Parameters<typeof respondJson>[0]) =>
  respondJson(response, value);

test('the longest prefix of whole segments wins, and nothing mounted is 404', async () => {
  const listener = await start();
  listener.mount('/v1', answers('v1'));
  const unmount = listener.mount('/v1/rooms', answers('rooms'));
  expect(await ask(listener.port, '/v1/rooms/7?x=/y')).toEqual({ status: 200, body: 'rooms' });
  expect(await ask(listener.port, '/v1/roomsX')).toEqual({ status: 200, body: 'v1' });
  expect(await ask(listener.port, '/v1?a')).toEqual({ status: 200, body: 'v1' });
  expect(await ask(listener.port, '/v10')).toEqual({
    status: 404,
    body: { error: { code: 'NOT_FOUND', message: 'nothing is here' } },
  });
  unmount();
  expect(await ask(listener.port, '/v1/rooms')).toMatchObject({ body: 'v1' });
  expect(() => listener.mount('/v1/', answers(1))).toThrow(/mounted once/);
});

test('an absolute request target is served by its path', async () => {
  const listener = await start();
  listener.mount('/', (incoming, response) => respondJson(response, incoming.url));
  const answer = await exchange(
    listener.port,
    'GET http://a.example?q=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  );
  expect(answer).toContain('"/?q=1"');
});

test('coded errors become answers, others INTERNAL without a word on the cause', async () => {
  const listener = await start();
  listener.mount('/coded', () => {
    throw new CodedError(httpErrors, 'INVALID_REQUEST', { detail: 'no name', retryAfterSeconds: 1.2 });
  });
  listener.mount('/broken', async () => {
    await Promise.resolve();
    throw new Error('password=1');
  });
  const coded = await fetch(`http://127.0.0.1:${listener.port}/coded`);
  expect([coded.status, coded.headers.get('retry-after')]).toEqual([400, '2']);
  expect(await coded.json()).toEqual({
    error: { code: 'INVALID_REQUEST', message: 'the request is not valid', detail: 'no name' },
  });
  const broken = await ask(listener.port, '/broken');
  expect(broken).toEqual({
    status: 500,
    body: { error: { code: 'INTERNAL', message: 'something broke on our side' } },
  });
  expect(await counted('faults')).toBe(1);
});

test('garbage, two Host fields and an oversize head are refused, closed and counted', async () => {
  const listener = await start();
  listener.mount('/', answers(1));
  expect(await exchange(listener.port, '\x16\x03\x01garbage\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  const hosts = 'GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n';
  expect(await exchange(listener.port, hosts)).toMatch(/^HTTP\/1.1 400 .*one Host/s);
  const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`;
  expect(await exchange(listener.port, head)).toMatch(/^HTTP\/1.1 431 /);
  expect(await counted('client_errors')).toBe(3);
});

test('a whole request is answered before the garbage behind it is refused', async () => {
  const listener = await start();
  listener.mount('/', async (_request, response) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    respondJson(response, 'first');
  });
  const answers = await exchange(listener.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n\x01\x02\r\n\r\n');
  expect(answers).toMatch(/^HTTP\/1.1 200 .*"first"HTTP\/1.1 400 /s);
});

test('a head or body that comes too slowly ends in 408', async () => {
  const limits = { headersTimeoutMs: 100, requestTimeoutMs: 200, checkIntervalMs: 20 };
  const listener = await start({ limits });
  listener.mount('/', async (incoming, response) => {
    await readJson(incoming, { bytesMax: 10 });
    respondJson(response, 1);
  });
  expect(await exchange(listener.port, 'GET / HTTP/1.1\r\nHo')).toMatch(/^HTTP\/1.1 408 /);
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n"a';
  expect(await exchange(listener.port, post)).toMatch(/^HTTP\/1.1 408 /);
});

test('a taken port is named with the setting to change', async () => {
  const { port } = await start();
  const second = start({ port, name: 'live' });
  await expect(second).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    detail: `127.0.0.1:${port}; change http.port (GALA_HTTP_PORT)`,
  });
  await expect(start({ host: '203.0.113.77' })).rejects.toMatchObject({ code: 'ADDRESS_UNAVAILABLE' });
});

test('bound to :: it answers IPv4 too, and names the client in one way', async () => {
  const listener = await start({ host: '::' });
  listener.mount('/', (incoming, response) => respondJson(response, listener.clientAddress(incoming)));
  expect(await ask(listener.port, '/')).toMatchObject({ body: '127.0.0.1' });
});

test('client and origin come from a trusted proxy, and from nobody else', async () => {
  const headers = {
    'X-Forwarded-For': '198.51.100.9',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'live.example',
  };
  const seen = async (options: Partial<ListenOptions>): Promise<unknown> => {
    const listener = await start(options);
    listener.mount('/', (incoming, response) => {
      respondJson(response, [
        listener.clientAddress(incoming),
        listener.origin(incoming).replace(/\d+$/, 'port'),
      ]);
    });
    return (await ask(listener.port, '/', { headers })).body;
  };
  expect(await seen({})).toEqual(['127.0.0.1', 'http://127.0.0.1:port']);
  expect(await seen({ trustedProxies: ['127.0.0.0/8'] })).toEqual(['198.51.100.9', 'https://live.example']);
});

test('a PROXY header of a trusted proxy names the client, its absence closes the connection', async () => {
  const listener = await start({ proxyProtocol: true, trustedProxies: ['127.0.0.1'] });
  listener.mount('/', (incoming, response) => respondJson(response, listener.clientAddress(incoming)));
  const plain = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const proxied = await exchange(listener.port, `PROXY TCP4 198.51.100.1 127.0.0.1 1 2\r\n${plain}`);
  expect(proxied).toMatch(/^HTTP\/1.1 200 .*"198.51.100.1"$/s);
  expect(await exchange(listener.port, plain)).toBe('');
  expect(await counted('proxy_errors')).toBe(1);
});

test('bodies are bounded, and must be JSON', async () => {
  const listener = await start();
  listener.mount('/', async (incoming, response) =>
    respondJson(response, await readJson(incoming, { bytesMax: 10 })),
  );
  const post = (body: string | ReadableStream, type = 'application/json; charset=utf-8'): Promise<unknown> =>
    ask(listener.port, '/', {
      method: 'POST',
      body,
      headers: { 'Content-Type': type },
      duplex: 'half',
    } as RequestInit);
  const refused = (status: number, code: string): unknown =>
    expect.objectContaining({ status, body: { error: expect.objectContaining({ code }) } });
  expect(await post('{"a":1}')).toEqual({ status: 200, body: { a: 1 } });
  expect(await post('{"a":"too long"}')).toEqual(refused(413, 'BODY_TOO_LARGE'));
  const chunked = new Blob(['{"a":"', 'too long"}']).stream();
  expect(await post(chunked)).toEqual(refused(413, 'BODY_TOO_LARGE'));
  expect(await post('{"a"')).toEqual(refused(400, 'INVALID_REQUEST'));
  expect(await post('{}', 'text/plain')).toEqual(refused(400, 'INVALID_REQUEST'));
});

test('connections above the bound are closed and counted', async () => {
  const listener = await start({ limits: { connectionsMax: 1 } });
  const first = connect(listener.port, '127.0.0.1');
  await once(first, 'connect');
  expect(await exchange(listener.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
  expect(await counted('connections_refused')).toBe(1);
  first.destroy();
});

test('an upgrade reaches its mount; elsewhere it is an ordinary request', async () => {
  const listener = await start();
  listener.mount('/', answers('plain'));
  listener.mountUpgrade('/signal', (_request, socket) =>
    socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhello'),
  );
  const upgrade = (path: string, protocol: string): Promise<string> =>
    exchange(
      listener.port,
      `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: ${protocol}\r\nConnection: upgrade, close\r\n\r\n`,
    );
  expect(await upgrade('/signal/1', 'WebSocket')).toMatch(/101 .*hello$/s);
  expect(await upgrade('/v1', 'websocket')).toMatch(/200 OK.*"plain"$/s);
  expect(await upgrade('/signal', 'h2c')).toMatch(/200 OK.*"plain"$/s);
});

test('closing ends idle connections, lets an answer finish, and destroys what passes the bound', async () => {
  const listener = await start({ limits: { drainMs: 2000 } });
  const release = Promise.withResolvers<void>();
  listener.mount('/', async (_request, response) => {
    response.write('begun ');
    await release.promise;
    response.end('ended');
  });
  const idle = connect(listener.port, '127.0.0.1');
  await once(idle, 'connect');
  const agent = new Agent({ keepAlive: true });
  const [busy] = (await once(get({ port: listener.port, agent }), 'response')) as [IncomingMessage];
  const idleClosed = readToEnd(idle);
  const closed = listener[Symbol.asyncDispose]();
  expect(await idleClosed).toBe('');
  await expect(once(request({ port: listener.port }).end(), 'response')).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
  release.resolve();
  expect(await text(busy)).toBe('begun ended');
  await closed;
  expect(await counted('drain_destroyed')).toBe(0);
  agent.destroy();
});

test('an answer that never ends is cut at the drain bound', async () => {
  const listener = await start({ limits: { drainMs: 50 } });
  listener.mount('/', (_request, response) => void response.write('begun'));
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await readUntil(socket, 'begun');
  const closed = once(socket, 'close');
  await listener[Symbol.asyncDispose]();
  await closed;
  expect(await counted('drain_destroyed')).toBe(1);
});

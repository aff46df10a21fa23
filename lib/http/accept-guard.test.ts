import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { listen, respondJson, type AcceptLimits } from './index.ts';

const unbounded = { perSecond: 1e6, burst: 1e6 };

async function start(accepts: AcceptLimits, trustedProxies: readonly string[] = []) {
  const metrics = createMetrics('test');
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  const logger = createLogger({ name: 'test', destination });
  const address = { host: '127.0.0.1', port: 0, portSetting: 'none' };
  const listener = await listen({ ...address, name: 'web', logger, metrics, accepts, trustedProxies });
  listener.mount('/', (_request, response) => respondJson(response, {}));
  const counted = async (name: string): Promise<number> =>
    Number(new RegExp(`^gala_http_web_${name}_total\\S* (\\d+)$`, 'm').exec(await metrics.text())?.[1]);
  /** Status of the answer to one connection, or `closed`. */
  const ask = async (localAddress = '127.0.0.1'): Promise<string> => {
    const socket = connect({ port: listener.port, host: '127.0.0.1', localAddress });
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
    // A reset is an answer here, not an error.
    await new Promise((resolve) => void socket.on('close', resolve));
    return answer.slice(9, 12) || 'closed';
  };
  return { counted, ask, [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose]() };
}

test('connections above the rate of all are closed before they are read, and the rest is served', async () => {
  await using server = await start({ all: { perSecond: 0.001, burst: 5 }, perAddress: unbounded });
  const answers = await Promise.all(Array.from({ length: 50 }, () => server.ask()));
  expect(answers.filter((each) => each === '200')).toHaveLength(5);
  expect(answers.filter((each) => each === 'closed')).toHaveLength(45);
  expect(await server.counted('accepts_limited')).toBe(45);
  expect(await server.counted('requests')).toBe(5);
  expect(await server.counted('connections_refused')).toBe(0);
});

test('it opens again when the rate allows', async () => {
  await using server = await start({ all: { perSecond: 2, burst: 1 }, perAddress: unbounded });
  expect(await server.ask()).toBe('200');
  await expect.poll(() => server.ask(), { interval: 5, timeout: 5_000 }).toBe('closed');
  await expect.poll(() => server.ask()).toBe('200');
});

test('the flood of one address stays that one, and a trusted proxy speaks for many', async () => {
  const accepts = { all: unbounded, perAddress: { perSecond: 0.001, burst: 3 } };
  await using server = await start(accepts, ['127.0.0.9']);
  const flood = await Promise.all(Array.from({ length: 20 }, () => server.ask('127.0.0.2')));
  expect(flood.filter((each) => each === '200')).toHaveLength(3);
  expect(await server.counted('accepts_limited_by_address')).toBe(17);
  expect(await server.ask('127.0.0.3')).toBe('200');
  const proxied = await Promise.all(Array.from({ length: 20 }, () => server.ask('127.0.0.9')));
  expect(new Set(proxied)).toEqual(new Set(['200']));
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { SignalService } from '@gala/protocol/signal';
import { binarySubprotocol } from '@gala/protocol/signals';
import { expect, test } from 'vitest';
import { expectWhole, measureStorm } from '../../../test/harness/join-storm.ts';
import { startTestNode, TestClient, TestOwner, testTicket, type TestNode } from './testing.ts';

/** A client that says hello by hand and reads nothing from then on. */
async function stuckClient({ port }: TestNode) {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  const head = [
    'GET /signal HTTP/1.1',
    'Host: node',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Sec-WebSocket-Protocol: ${binarySubprotocol}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  const client = { platform: 'test', version: 1, capabilities: [] };
  const hello = Buffer.from(JSON.stringify({ type: 'hello', ticket: testTicket({ name: 'stuck' }), client }));
  const header = Buffer.from([0x81, 0xfe, hello.length >> 8, hello.length & 0xff, 0, 0, 0, 0]);
  socket.write(Buffer.concat([header, hello]));
  return { socket, [Symbol.dispose]: () => void socket.destroy() };
}

test('a stuck reader is left out, then evicted, and nobody else notices', async () => {
  const coord = new MemoryCoord();
  await using owner = await TestOwner.start(coord);
  // Who owes anything for three times the time to evict is evicted as well, whatever he owes: on a busy machine the
  // backlog must have reached its bound long before.
  const bounds = { GALA_SIGNAL_SLOW_BYTES: '400000', GALA_SIGNAL_STOP_BYTES: '500000' };
  const env = { GALA_SIGNAL_SLOW_EVICT_MS: '700', ...bounds };
  await using node = await startTestNode({ coord, env });
  using stuck = await stuckClient(node);
  using healthy = await TestClient.open(node.url);
  await expect.poll(() => node.metric('gala_signal_connections')).toBe(2);
  await expect.poll(() => healthy.welcome).toBeDefined();
  await expect.poll(() => owner.present.get('node-1')?.size).toBe(2);
  // The kernel takes some megabytes before a byte waits here.
  const text = 'x'.repeat(250_000);
  let said = 0;
  const leftOut = () => node.metric('gala_signal_batches_dropped_total');
  for (; said < 400 && (await leftOut()) === 0;) {
    await owner.say([text]);
    said++;
    // The healthy one reads in this same process, and is slow itself unless it is waited for.
    await expect.poll(() => healthy.batches.length, { interval: 2, timeout: 10_000 }).toBe(said);
  }
  expect(await leftOut()).toBe(1);
  // The room is silent from here on, and he is looked at all the same.
  await expect.poll(() => node.metric('gala_signal_evicted_slow_total'), { timeout: 10_000 }).toBe(1);
  expect(healthy.batches.map(({ from }) => from)).toEqual(healthy.batches.map((_, index) => index + 1));
  await expect.poll(() => node.metric('gala_signal_connections')).toBe(1);
  expect(stuck.socket.destroyed).toBe(false);
});

test('joins above the rate are refused before the handshake, and those within it are taken', async () => {
  const coord = new MemoryCoord();
  await using _owner = await TestOwner.start(coord);
  const env = {
    GALA_SIGNAL_JOINS_PER_SECOND: '1',
    GALA_SIGNAL_JOINS_BURST: '5',
    GALA_SIGNAL_CONNECTIONS_MAX: '100',
  };
  await using node = await startTestNode({ coord, env });
  const ask = async (): Promise<string> => {
    const socket = connect(node.port, '127.0.0.1');
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
    const upgrade = `Upgrade: websocket\r\nConnection: Upgrade\r\n${key}`;
    socket.write(
      `GET /signal HTTP/1.1\r\nHost: a\r\n${upgrade}Sec-WebSocket-Protocol: ${binarySubprotocol}\r\n\r\n`,
    );
    const [head] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return head.toString('latin1');
  };
  const heads = await Promise.all(Array.from({ length: 60 }, ask));
  const admitted = heads.filter((head) => head.startsWith('HTTP/1.1 101'));
  const refused = heads.filter((head) => head.startsWith('HTTP/1.1 503'));
  expect(admitted.length).toBeGreaterThanOrEqual(5);
  expect(admitted.length).toBeLessThan(12);
  expect(admitted.length + refused.length).toBe(60);
  expect(refused[0]).toMatch(/\r\nRetry-After: \d+\r\n/);
  expect(refused[0]).toContain('JOINS_LIMITED');
  expect(await node.metric('gala_signal_joins_limited_total')).toBe(refused.length);
});

test('a storm of joins is let in at the configured rate, and who is there hears all that is said', async () => {
  const limit = { perSecond: 200, burst: 200 };
  const accepts = { all: limit, perAddress: limit };
  const setup = { joinsPerSecond: 3_000, seconds: 1, admittedPerSecond: 100, viewers: 50, accepts };
  const report = await measureStorm(setup);
  expectWhole(setup, report);
  expect(report.during.p99Ms).toBeLessThan(Math.max(3_000, 20 * report.before.p99Ms));
});

test('places are bounded, hellos have their time, and a flood closes the one who makes it', async () => {
  const coord = new MemoryCoord();
  await using _owner = await TestOwner.start(coord);
  const env = {
    GALA_SIGNAL_CONNECTIONS_MAX: '2',
    GALA_SIGNAL_HELLO_MS: '1000',
    GALA_SIGNAL_MESSAGES_BURST: '5',
    GALA_SIGNAL_MESSAGES_PER_SECOND: '1',
  };
  await using node = await startTestNode({ coord, env });
  using mute = new TestClient(node.url);
  using flood = await TestClient.open(node.url);
  await expect.poll(() => flood.welcome).toBeDefined();
  using third = new TestClient(node.url);
  await expect.poll(() => third.closeCode).toBe(1006);
  for (let count = 0; count < 20; count++) {
    flood.send({ type: 'send', id: `i${count}`, signal: { type: 'like', count: 1 } });
  }
  await expect.poll(() => flood.closeCode).toBe(1008);
  const codes = flood.messages.flatMap((each) => (each.type === 'reply' ? [each.code] : []));
  expect(codes).toContain('TOO_FAST');
  expect(flood.messages.at(-1)).toMatchObject({ type: 'bye', code: 'TOO_FAST' });
  await expect.poll(() => mute.closeCode).toBe(1008);
  expect(mute.messages).toMatchObject([{ type: 'bye', code: 'HELLO_EXPECTED' }]);
});

test('a drain sends clients to the other node, and they miss nothing', async () => {
  const coord = new MemoryCoord();
  await using owner = await TestOwner.start(coord);
  await using first = await startTestNode({ coord, nodeId: 'node-1', env: { GALA_SIGNAL_MOVE_MS: '1000' } });
  const drain = () => first.rpc.client(SignalService).drain({}, { member: 'node-1' });
  await expect(drain()).rejects.toMatchObject({ code: 'NODE_ALONE' });
  await using second = await startTestNode({ coord, nodeId: 'node-2' });
  using client = await TestClient.open(first.url);
  await expect.poll(() => client.welcome).toBeDefined();
  await owner.say(['before']);
  await drain();
  await expect
    .poll(() => client.messages.find(({ type }) => type === 'move'))
    .toMatchObject({ urls: [second.url] });
  await owner.say(['while moving']);
  await expect.poll(() => client.texts).toEqual(['before', 'while moving']);
  const { epoch, to: offset, durable, stateVersion } = client.batches[0];
  const { resumeTicket } = client.welcome!;
  const resume = { epoch, offset, durable, stateVersion };
  using moved = await TestClient.open(second.url, { ticket: resumeTicket, resume });
  await expect.poll(() => moved.welcome).toMatchObject({ isComplete: true });
  await owner.say(['after']);
  await expect.poll(() => moved.texts).toEqual(['while moving', 'after']);
  // Who does not go is closed in the end, and nobody new is taken.
  await expect.poll(() => client.closeCode).toBe(1001);
  using late = new TestClient(first.url);
  await expect.poll(() => late.closeCode).toBe(1006);
});

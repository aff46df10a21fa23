import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { AcceptLimits } from '@gala/lib/http';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { binarySubprotocol } from '@gala/protocol/signals';
import { expect } from 'vitest';
import type { StormOptions, StormResult } from './join-storm-clients.ts';
import {
  startTestNode,
  TestClient,
  TestOwner,
  testRoomId,
  testTicket,
  type TestNode,
} from '../../services/access/signal/testing.ts';

/** Joins that are offered and how many are wanted, while others listen. */
export interface StormSetup {
  readonly joinsPerSecond: number;
  readonly seconds: number;
  /** What the node admits a second. */
  readonly admittedPerSecond: number;
  readonly viewers: number;
  readonly accepts?: AcceptLimits;
}

export interface StormReport extends StormResult {
  /** Batches said while the storm lasted. */
  readonly said: number;
  readonly before: Latency;
  readonly during: Latency;
}

export interface Latency {
  readonly messages: number;
  readonly p99Ms: number;
}

const sayEveryMs = 50;
const programPath = join(import.meta.dirname, 'join-storm-clients.ts');

/** A room of healthy viewers that is talked to, and a storm of joins for another room at the same node. */
export async function measureStorm(setup: StormSetup): Promise<StormReport> {
  const coord = new MemoryCoord();
  await using owner = await TestOwner.start(coord);
  const env = {
    GALA_SIGNAL_JOINS_PER_SECOND: String(setup.admittedPerSecond),
    GALA_SIGNAL_JOINS_BURST: String(Math.max(setup.viewers, setup.admittedPerSecond)),
  };
  await using node = await startTestNode({ coord, env, accepts: setup.accepts });
  await using stack = new AsyncDisposableStack();
  const listeners = await Promise.all(
    Array.from({ length: setup.viewers }, async () => stack.use(await Listener.open(node))),
  );
  // The viewers have used up what a rested node takes at once, or it comes back now.
  await sleep(1_000);
  const before = await measureLatency(owner, listeners, sleep(setup.seconds * 1000));
  const { offset } = owner;
  const storm = offerJoins(node, setup);
  const during = await measureLatency(owner, listeners, storm);
  return { ...(await storm), said: owner.offset - offset, before, during };
}

/** What holds on the busiest machine: nobody is let in beyond the rate, and who was there hears all of it. */
export function expectWhole(setup: StormSetup, { outcomes, during, seconds, said }: StormReport): void {
  const burst = Math.max(setup.viewers, setup.admittedPerSecond);
  expect(outcomes['101'] ?? 0).toBeGreaterThan(0);
  expect(outcomes['101'] ?? 0).toBeLessThanOrEqual(burst + setup.admittedPerSecond * (seconds + 1));
  expect(during.messages).toBe(said * setup.viewers);
}

/** Reads its batches and keeps how long they took. */
class Listener implements Disposable {
  readonly client: TestClient;
  latenciesMs: number[] = [];

  constructor(client: TestClient) {
    this.client = client;
    client.socket.on('message', () => {
      for (const text of client.texts) this.latenciesMs.push(performance.now() - Number(text));
      client.messages.length = 0;
      client.frames.length = 0;
    });
  }

  static async open(node: TestNode): Promise<Listener> {
    return new Listener(await TestClient.open(node.url));
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}

async function measureLatency(
  owner: TestOwner,
  listeners: readonly Listener[],
  until: Promise<unknown>,
): Promise<Latency> {
  for (const each of listeners) each.latenciesMs = [];
  const before = owner.offset;
  const over = new AbortController();
  void until.finally(() => over.abort()).catch(() => undefined);
  for (let nextMs = performance.now(); !over.signal.aborted; nextMs += sayEveryMs) {
    await owner.say([String(performance.now())]);
    await sleep(Math.max(0, nextMs + sayEveryMs - performance.now()));
  }
  const isHeard = ({ latenciesMs }: Listener): boolean => latenciesMs.length >= owner.offset - before;
  await expect.poll(() => listeners.every(isHeard), { timeout: 10_000 }).toBe(true);
  const all = listeners.flatMap(({ latenciesMs }) => latenciesMs).toSorted((one, other) => one - other);
  return { messages: all.length, p99Ms: all[Math.floor(all.length * 0.99)] ?? NaN };
}

async function offerJoins({ port }: TestNode, { joinsPerSecond, seconds }: StormSetup): Promise<StormResult> {
  const head = [
    'GET /signal HTTP/1.1',
    'Host: node',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Sec-WebSocket-Protocol: ${binarySubprotocol}`,
  ];
  const ticket = testTicket({ roomId: testRoomId + 1 });
  const client = { platform: 'test', version: 1, capabilities: [] };
  const hello = Buffer.from(JSON.stringify({ type: 'hello', ticket, client }));
  const frame = Buffer.concat([
    Buffer.from([0x81, 0xfe, hello.length >> 8, hello.length & 0xff, 0, 0, 0, 0]),
    hello,
  ]);
  const options: StormOptions = {
    port,
    joinsPerSecond,
    seconds,
    head: `${head.join('\r\n')}\r\n\r\n`,
    hello: frame.toString('base64'),
    addresses: 5_000,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [programPath, JSON.stringify(options)]);
  return JSON.parse(stdout) as StormResult;
}

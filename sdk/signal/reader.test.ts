import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import {
  encodeBatch,
  encodePage,
  encodeSignals,
  parsePlace,
  signalClasses,
  slotMs,
  slotReadyMs,
  type Delivery,
} from '@gala/protocol/signals';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  startTestNode,
  TestOwner,
  testRoomId,
  testTicket,
  type TestNode,
} from '../../services/access/signal/testing.ts';
import { openRoomSignals } from './index.ts';
import type { Gap, RoomSignals } from './types.ts';

/** Pages as docs/signals.md has them, made of what an owner has said. */
class PageServer implements AsyncDisposable {
  readonly asked: string[] = [];
  /** Answers 503 so many times. */
  failures = 0;
  readonly #owner: TestOwner;
  readonly #server: Server;

  constructor(owner: TestOwner) {
    this.#owner = owner;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/rooms/1`;
  }

  #answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://pages');
    this.asked.push(pathname.split('/')[3]);
    if (this.failures-- > 0) return void response.writeHead(503).end();
    const slot = /\/slots\/(\d+)$/.exec(pathname)?.[1];
    if (slot !== undefined) return this.#slot(Number(slot), response);
    const after = parsePlace(searchParams.get('after') ?? '')?.offset ?? this.#owner.offset;
    const endsAtMs = Date.now() + Number(searchParams.get('waitMs'));
    const look = (): void => {
      if (this.#owner.offset > after || Date.now() >= endsAtMs) this.#page(response, after, () => true);
      else setTimeout(look, 10);
    };
    look();
  }

  #slot(slot: number, response: ServerResponse): void {
    if ((slot + 1) * slotMs + slotReadyMs > Date.now()) return void response.writeHead(404).end();
    const isOf = (atMs: number): boolean => Math.floor(atMs / slotMs) === slot;
    const before = this.#owner.batches.filter(({ atMs }) => Number(atMs) < slot * slotMs);
    this.#page(response, Number(before.at(-1)?.to ?? 0), isOf);
  }

  #page(response: ServerResponse, after: number, isOf: (atMs: number) => boolean): void {
    const owner = this.#owner;
    const found = owner.batches.filter(({ atMs, to }) => isOf(Number(atMs)) && Number(to) > after);
    const batches = found.map(({ epoch, from, to, atMs, sections = [] }) => {
      const place = { epoch: Number(epoch), from: Number(from), to: Number(to), atMs: Number(atMs) };
      return encodeBatch({
        ...place,
        stateVersion: 1,
        durable: 0,
        tier: 'full',
        counts: [],
        state: [],
        sections: sections.map(({ class: index = 0, items = 0, payload = new Uint8Array() }) => {
          return { class: signalClasses[index], items, payload };
        }),
      });
    });
    const offset = Number(found.at(-1)?.to ?? after);
    const head = {
      epoch: owner.epoch,
      after,
      offset,
      isComplete: true,
      stateVersion: 1,
      durable: 0,
      state: [],
    };
    response.end(encodePage({ ...head, batches }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const coord = new MemoryCoord();
let owner: TestOwner;
let node: TestNode;
let pages: PageServer;
let readUrl: string;
let room: RoomSignals;
const texts: string[] = [];
const gaps: Gap[] = [];

beforeAll(async () => {
  owner = await TestOwner.start(coord);
  node = await startTestNode({ coord });
  pages = new PageServer(owner);
  readUrl = await pages.start();
  const entry = { urls: [node.url], readUrls: [readUrl], ticket: testTicket() };
  room = openRoomSignals({
    enter: async () => ({ ...entry, expiresAtMs: Date.now() + 60_000 }),
    client: { platform: 'test', version: 1, capabilities: [] },
  });
  room.on('signals', (signals) =>
    texts.push(...signals.map((each) => (each.type === 'comment' ? each.text : each.type))),
  );
  room.on('gap', (gap) => gaps.push(gap));
  room.connect();
});
afterAll(async () => {
  room.close();
  await pages[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  await owner[Symbol.asyncDispose]();
});

async function chooseDelivery(delivery: Delivery): Promise<void> {
  const atMs = Date.now();
  const from = ++owner.offset;
  const rules = { ...room.rules, delivery };
  const common = { class: 'control', offset: from, atMs, signalId: `r${from}` } as const;
  const payload = Uint8Array.from(encodeSignals([{ type: 'rules', ...common, rules }], { from, atMs }));
  const section = { class: 0, tiers: 15, items: 1, payload };
  const place = { epoch: BigInt(owner.epoch), from: BigInt(from), to: BigInt(from), atMs: BigInt(atMs) };
  const batch = { roomId: BigInt(testRoomId), ...place, stateVersion: 1n, sections: [section] };
  owner.batches.push(batch);
  if (!owner.isMute) await owner.deliver([batch]);
}

test('the way in which a room is heard changes live, and nothing is missed or doubled', async () => {
  await expect.poll(() => room.status).toBe('open');
  await owner.say(['pushed']);
  await chooseDelivery('pull');
  await expect.poll(() => room.delivery).toBe('pull');
  // From now on nothing comes by the connection.
  owner.isMute = true;
  await owner.say(['pulled']);
  await expect.poll(() => texts).toEqual(['pushed', 'rules', 'pulled']);
  await chooseDelivery('cached');
  await expect.poll(() => room.delivery).toBe('cached');
  // The first page of this way is a pull; what is said after the first slot comes by slots alone.
  await expect.poll(() => pages.asked.at(-1), { timeout: 8_000 }).toBe('slots');
  await owner.say(['in a slot']);
  await expect.poll(() => texts.at(-1), { timeout: 8_000 }).toBe('in a slot');
  expect(pages.asked.at(-1)).toBe('slots');
  owner.isMute = false;
  await chooseDelivery('push');
  await expect.poll(() => room.delivery, { timeout: 8_000 }).toBe('push');
  await owner.say(['pushed again']);
  await expect.poll(() => texts.at(-1)).toBe('pushed again');
  expect(texts).toEqual(['pushed', 'rules', 'pulled', 'rules', 'in a slot', 'rules', 'pushed again']);
  expect(gaps).toEqual([]);
});

test('a reader that gets no page for a moment misses nothing', async () => {
  texts.length = 0;
  pages.failures = 2;
  await chooseDelivery('pull');
  await expect.poll(() => room.delivery).toBe('pull');
  owner.isMute = true;
  for (const text of ['one', 'two', 'three']) await owner.say([text]);
  await expect.poll(() => texts, { timeout: 8_000 }).toEqual(['rules', 'one', 'two', 'three']);
  expect(pages.failures).toBeLessThanOrEqual(0);
  expect(gaps).toEqual([]);
});

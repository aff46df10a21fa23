import { MemoryCoord } from '@gala/lib/rpc/testing';
import { Visibility } from '@gala/protocol/room';
import { encodeSignals, type Delivery } from '@gala/protocol/signals';
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

/** The machine may be busy with others. */
const soon = { timeout: 20_000 };

/** Nothing that comes by a WebSocket is heard: what is heard has been read. */
let isDeaf = false;

class DeafSocket extends WebSocket {
  override addEventListener(type: string, listener: unknown): void {
    const hear = listener as (event: Event) => void;
    const hearMaybe = (event: Event): void => {
      if (!isDeaf) hear(event);
    };
    super.addEventListener(type, type === 'message' ? hearMaybe : hear);
  }
}

/** What was asked for, `pull` or `slots`, and how many are still to be refused. */
const asked: string[] = [];
let refusals = 0;

const countingFetch: typeof fetch = async (url, init) => {
  asked.push(/\/(pull|slots)\b/.exec(url as string)?.[1] ?? '');
  return refusals-- > 0 ? new Response(null, { status: 503 }) : fetch(url, init);
};

const coord = new MemoryCoord();
let owner: TestOwner;
let node: TestNode;
let room: RoomSignals;
const texts: string[] = [];
const gaps: Gap[] = [];

beforeAll(async () => {
  owner = await TestOwner.start(coord);
  // A private room: whoever reads it shows his ticket.
  node = await startTestNode({ coord, visibility: Visibility.PRIVATE });
  const readUrls = [`${node.url.replace('ws', 'http')}/rooms/${testRoomId}`];
  const entry = { urls: [node.url], readUrls, ticket: testTicket() };
  room = openRoomSignals({
    enter: async () => ({ ...entry, expiresAtMs: Date.now() + 60_000 }),
    client: { platform: 'test', version: 1, capabilities: [] },
    webSocket: DeafSocket,
    fetch: countingFetch,
  });
  room.on('signals', (signals) =>
    texts.push(...signals.map((each) => (each.type === 'comment' ? each.text : each.type))),
  );
  room.on('gap', (gap) => gaps.push(gap));
  room.connect();
});
afterAll(async () => {
  room.close();
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
  await owner.deliver([batch]);
}

test('the way in which a room is heard changes live, and nothing is missed or doubled', async () => {
  await expect.poll(() => room.status, soon).toBe('open');
  await owner.say(['pushed']);
  await chooseDelivery('pull');
  await expect.poll(() => room.delivery, soon).toBe('pull');
  isDeaf = true;
  await owner.say(['pulled']);
  await expect.poll(() => texts, soon).toEqual(['pushed', 'rules', 'pulled']);
  await chooseDelivery('cached');
  await expect.poll(() => room.delivery, soon).toBe('cached');
  // The first page of this way is a pull; what is said after the first slot comes by slots.
  await expect.poll(() => asked, soon).toContain('slots');
  await owner.say(['in a slot']);
  await expect.poll(() => texts.at(-1), soon).toBe('in a slot');
  isDeaf = false;
  await chooseDelivery('push');
  await expect.poll(() => room.delivery, soon).toBe('push');
  await owner.say(['pushed again']);
  await expect.poll(() => texts.at(-1), soon).toBe('pushed again');
  expect(texts).toEqual(['pushed', 'rules', 'pulled', 'rules', 'in a slot', 'rules', 'pushed again']);
  expect(gaps).toEqual([]);
});

test('a reader that gets no page for a moment misses nothing', async () => {
  texts.length = 0;
  refusals = 2;
  await chooseDelivery('pull');
  await expect.poll(() => room.delivery, soon).toBe('pull');
  isDeaf = true;
  for (const text of ['one', 'two', 'three']) await owner.say([text]);
  await expect.poll(() => texts, soon).toEqual(['rules', 'one', 'two', 'three']);
  expect(refusals).toBeLessThanOrEqual(0);
  expect(gaps).toEqual([]);
});

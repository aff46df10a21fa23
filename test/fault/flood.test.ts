import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestClient } from '../../services/access/signal/testing.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** Goal: who says too much is refused, and nobody else notices. All clients are guests, by device and address. */
let gala: Gala;
let publishers: FixturePublisher[];
let loudRoom: number;
let quietRoom: number;
let guests = 0;

beforeAll(async () => {
  // All ask for their entry from here.
  gala = await Gala.start({ env: { GALA_GATEWAY_LIMITS_CHANGE_PER_ADDRESS_BURST: '1000' } });
  const names = ['loud', 'quiet'];
  publishers = await Promise.all(
    names.map(async (name) => {
      const { streamKey } = await gala.createHost(name);
      const { settings, version } = await gala.anyone.getChat({ hostRef: `@${name}` });
      const hostRef = `@${name}`;
      await gala.operator.putChat({ hostRef, settings: { ...settings, guestsMaySpeak: true }, version });
      return FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey });
    }),
  );
  const rooms = await waitFor(
    async () => {
      const { rooms: live } = await gala.anyone.listLiveRooms({});
      return live.length === names.length ? live : undefined;
    },
    { what: 'both rooms' },
  );
  [loudRoom, quietRoom] = names.map((name) => rooms.find(({ hostName }) => hostName === name)!.roomId);
}, 60_000);
afterAll(async () => {
  await Promise.all(publishers.map((each) => each[Symbol.asyncDispose]()));
  await gala[Symbol.asyncDispose]();
});

/** One who has not signed in. */
class Guest implements Disposable {
  readonly client: TestClient;
  #said = 0;

  constructor(client: TestClient) {
    this.client = client;
  }

  static async open(roomId: number, localAddress: string): Promise<Guest> {
    const device = `device-${++guests}-of-a-flood`;
    const { urls, ticket } = await gala.anyone.enterSignals({ roomId, device });
    const client = await TestClient.open(urls[0], { ticket }, { localAddress });
    await waitFor(() => client.welcome, { what: 'a welcome' });
    return new Guest(client);
  }

  /** Without waiting for what becomes of it. */
  say(text: string): string {
    const id = `${++this.#said}`;
    this.client.send({ type: 'send', id, signal: { type: 'comment', text } });
    return id;
  }

  /** What became of it, and how long that took. */
  async ask(text: string): Promise<{ code: string; tookMs: number }> {
    const beganMs = performance.now();
    const id = this.say(text);
    const reply = () => this.client.messages.find((each) => each.type === 'reply' && each.id === id);
    const answer = await waitFor(reply, { what: 'a reply', everyMs: 5 });
    return { code: answer.type === 'reply' ? answer.code : answer.type, tookMs: performance.now() - beganMs };
  }

  get codes(): string[] {
    return this.client.messages.flatMap((each) => (each.type === 'reply' ? [each.code] : []));
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}

function openAll(count: number, roomId: number, address: string): Promise<Guest[]> {
  return Promise.all(Array.from({ length: count }, () => Guest.open(roomId, address)));
}

/** All is well for those who say something now and then: it is taken, soon, and heard. */
async function expectHeard(speaker: Guest, listener: Guest, text: string): Promise<void> {
  const { code, tookMs } = await speaker.ask(text);
  expect(code).toBe('');
  expect(tookMs).toBeLessThan(1_000);
  await expect.poll(() => listener.client.texts, { timeout: 1_000 }).toContain(text);
}

test('a flood of one user ends with him', async () => {
  using flooder = await Guest.open(loudRoom, '127.0.0.2');
  // Of the same address.
  using neighbour = await Guest.open(loudRoom, '127.0.0.2');
  using listener = await Guest.open(loudRoom, '127.0.0.3');
  for (let count = 0; count < 200; count++) flooder.say(`flood ${count}`);
  await expectHeard(neighbour, listener, 'beside a user');
  await waitFor(() => flooder.client.closeCode, { what: 'the end of the flooder' });
  expect(flooder.client.messages.at(-1)).toMatchObject({ type: 'bye', code: 'TOO_FAST' });
  expect(listener.client.texts.filter((text) => text.startsWith('flood')).length).toBeLessThanOrEqual(6);
});

test('a flood of one address, and of one room, leaves the others theirs', { timeout: 60_000 }, async () => {
  const crowd = await openAll(300, loudRoom, '127.0.0.9');
  using other = await Guest.open(loudRoom, '127.0.0.4');
  using listener = await Guest.open(loudRoom, '127.0.0.5');
  using elsewhere = await Guest.open(quietRoom, '127.0.0.6');
  using listenerElsewhere = await Guest.open(quietRoom, '127.0.0.7');
  for (const each of crowd) each.say('one of many');
  await expectHeard(other, listener, 'beside an address');
  await expectHeard(elsewhere, listenerElsewhere, 'beside a room');
  await waitFor(() => crowd.every(({ codes }) => codes.length > 0), { what: 'all answers' });
  const codes = crowd.flatMap((each) => each.codes);
  // 200 at once and 50 a second are let through.
  expect(codes.filter((code) => code === 'TOO_FAST').length).toBeGreaterThan(20);
  expect(new Set(codes)).toEqual(new Set(['', 'TOO_FAST']));
  for (const each of crowd) each[Symbol.dispose]();
});

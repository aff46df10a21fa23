import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { SignalService } from '@gala/protocol/signal';
import type { Signal } from '@gala/protocol/signals';
import { expect, test } from 'vitest';
import { startTestNode, TestOwner, testTicket, type TestNode } from '../../services/access/signal/testing.ts';
import { openRoomSignals } from './index.ts';
import type { Gap, RoomSignals, RoomSignalsOptions } from './types.ts';

/** The machine may be busy with others. */
const soon = { timeout: 20_000 };

const client = { platform: 'test', version: 1, capabilities: [] };

/** A room's owner, nodes of the real role, and one viewer who keeps what he hears. */
class World implements AsyncDisposable {
  readonly coord = new MemoryCoord();
  readonly stack = new AsyncDisposableStack();
  readonly owner: TestOwner;
  readonly nodes = new Map<string, TestNode>();
  /** Sockets of the viewer, in the order of their making. */
  readonly sockets: WebSocket[] = [];
  readonly texts: string[] = [];
  readonly gaps: Gap[] = [];
  readonly statuses: string[] = [];

  constructor(owner: TestOwner, coord: MemoryCoord) {
    this.owner = owner;
    this.coord = coord;
    this.stack.use(owner);
  }

  static async start(): Promise<World> {
    const coord = new MemoryCoord();
    return new World(await TestOwner.start(coord), coord);
  }

  async addNode(nodeId: string, env: Readonly<Record<string, string>> = {}): Promise<TestNode> {
    const node = await startTestNode({ coord: this.coord, nodeId, env });
    this.nodes.set(nodeId, node);
    return node;
  }

  async kill(nodeId: string): Promise<void> {
    const node = this.nodes.get(nodeId);
    this.nodes.delete(nodeId);
    this.owner.nodes.delete(nodeId);
    await node?.[Symbol.asyncDispose]();
  }

  enter(options: Partial<RoomSignalsOptions> = {}): RoomSignals {
    const { sockets } = this;
    const room = openRoomSignals({
      enter: async () => {
        const urls = [...this.nodes.values()].map(({ url }) => url);
        return { urls, readUrls: [], ticket: testTicket(), expiresAtMs: Date.now() + 60_000 };
      },
      client,
      webSocket: class extends WebSocket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols);
          sockets.push(this);
        }
      },
      ...options,
    });
    this.stack.defer(() => room.close());
    room.on('signals', (signals) => this.texts.push(...signals.map(textOf)));
    room.on('gap', (gap) => this.gaps.push(gap));
    room.on('status', ({ status, code }) => this.statuses.push(code ? `${status} ${code}` : status));
    room.connect();
    return room;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
    for (const nodeId of this.nodes.keys()) await this.kill(nodeId);
  }
}

/** A wire that can be cut: neither side says goodbye. */
class Wire implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
  }

  static async to(port: number): Promise<Wire> {
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const socket of [near, far]) {
        wire.#sockets.add(socket);
        socket.on('error', () => socket.destroy());
      }
      near.pipe(far).pipe(near);
    });
    const wire = new Wire(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
  }
}

const textOf = (signal: Signal): string => (signal.type === 'comment' ? signal.text : signal.type);

test('a viewer hears the room, knows its state and is answered', async () => {
  await using world = await World.start();
  await world.addNode('node-1');
  world.owner.answers.set('slow', { code: 'SLOW_MODE', retryAfterMs: 3000 });
  const room = world.enter();
  const heardEarly = room.comment('before there is a connection');
  await expect.poll(() => room.status, soon).toBe('open');
  expect(room.state('likes')).toEqual({ total: 7 });
  expect(room.rules.delivery).toBe('push');
  await world.owner.say(['one', 'two']);
  await expect.poll(() => world.texts, soon).toEqual(['one', 'two']);
  expect(room.counts.member).toMatchObject({ offered: 2, shown: 2, capped: 0, passed: 0 });
  await expect(heardEarly).resolves.toMatchObject({ ok: true, isHeld: false });
  await expect(room.comment('slow')).resolves.toEqual({ ok: false, code: 'SLOW_MODE', retryAfterMs: 3000 });
  room.like();
  room.like(4);
  const likes = (): unknown[] =>
    world.owner.submissions
      .map(({ signal }) => JSON.parse(Buffer.from(signal).toString()) as Signal)
      .filter(({ type }) => type === 'like');
  await expect.poll(likes, soon).toEqual([{ type: 'like', count: 5 }]);
  await expect.poll(() => Math.abs(room.serverMs() - Date.now()), soon).toBeLessThan(100);
});

test('who loses his node comes back at another one, misses nothing and hears nothing twice', async () => {
  await using world = await World.start();
  const [first, second] = [await world.addNode('node-1'), await world.addNode('node-2')];
  await using wire = await Wire.to(first.port);
  let entries = 0;
  const room = world.enter({
    enter: async () => {
      entries++;
      const urls = [`ws://127.0.0.1:${wire.port}/signal`, second.url];
      return { urls, readUrls: [], ticket: testTicket(), expiresAtMs: Date.now() + 60_000 };
    },
  });
  await expect.poll(() => room.status, soon).toBe('open');
  await world.owner.say(['one']);
  await expect.poll(() => world.texts, soon).toEqual(['one']);
  wire.cut();
  const answered = room.comment('said while there is no connection');
  await world.owner.say(['two', 'three']);
  await expect.poll(() => world.texts, soon).toEqual(['one', 'two', 'three']);
  await expect(answered).resolves.toMatchObject({ ok: true });
  expect(world.gaps).toEqual([]);
  expect(world.statuses).toContain('waiting LINK_LOST');
  // The ticket of the welcome let him in: nobody asked the gateway again.
  expect(entries).toBe(1);
});

test('what is gone for good is named, exactly', async () => {
  await using world = await World.start();
  await world.addNode('node-1');
  const room = world.enter();
  await expect.poll(() => room.status, soon).toBe('open');
  await world.owner.say(['one']);
  await expect.poll(() => world.texts, soon).toEqual(['one']);
  await world.kill('node-1');
  for (const text of ['two', 'three', 'four']) await world.owner.say([text]);
  world.owner.forgotten = 3;
  await world.addNode('node-2');
  await expect.poll(() => world.texts, soon).toEqual(['one', 'four']);
  expect(world.gaps).toEqual([{ epoch: 1, from: 2, to: 3 }]);
});

test('who is sent to another node is there before he leaves: nothing is missed, nothing doubled', async () => {
  await using world = await World.start();
  const first = await world.addNode('node-1', { GALA_SIGNAL_MOVE_MS: '300' });
  const room = world.enter();
  await expect.poll(() => room.status, soon).toBe('open');
  await world.addNode('node-2');
  const told: string[] = [];
  const draining = first.rpc.client(SignalService).drain({}, { member: 'node-1' });
  for (let index = 0; world.sockets.length < 2 || index < 40; index++) {
    told.push(`line ${index}`);
    await world.owner.say([`line ${index}`]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await draining;
  const batches: number[] = [];
  room.on('batch', ({ from }) => batches.push(from));
  await world.owner.say(['last']);
  await expect.poll(() => batches, soon).toEqual([told.length + 1]);
  expect(world.gaps).toEqual([]);
  // Lines above the cap are counted, never lost: all that was offered is shown or capped.
  const { offered, shown, capped } = room.counts.member;
  expect([offered, shown + capped]).toEqual([told.length + 1, told.length + 1]);
  expect(world.statuses).toEqual(['connecting', 'open']);
  const states = () => world.sockets.map(({ readyState }) => readyState);
  await expect.poll(states, soon).toEqual([WebSocket.CLOSED, WebSocket.OPEN]);
});

test('who is refused for good is told why, and does not come again', async () => {
  await using world = await World.start();
  await world.addNode('node-1');
  world.owner.refuses = 'ROOM_SILENT';
  const room = world.enter();
  await expect.poll(() => room.status, soon).toBe('closed');
  expect(world.statuses).toEqual(['connecting', 'closed ROOM_SILENT']);
  await expect(room.comment('hi')).resolves.toEqual({ ok: false, code: 'ABORTED', retryAfterMs: 0 });
});

test('an answer of the gateway that will stay is final, others are not', async () => {
  await using world = await World.start();
  const node = await world.addNode('node-1');
  const banned = world.enter({
    enter: () => Promise.reject(Object.assign(new Error('no'), { status: 403, code: 'BANNED' })),
  });
  await expect.poll(() => banned.status, soon).toBe('closed');
  let tries = 0;
  const late = world.enter({
    enter: async () => {
      if (tries++ === 0) throw Object.assign(new Error('busy'), { status: 503, code: 'UNAVAILABLE' });
      return { urls: [node.url], readUrls: [], ticket: testTicket(), expiresAtMs: Date.now() + 60_000 };
    },
  });
  await expect.poll(() => late.status, soon).toBe('open');
  expect(world.statuses).toContain('closed BANNED');
});

import { once } from 'node:events';
import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import type { Coord } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { listen, type AcceptLimits } from '@gala/lib/http';
import type { Context } from '@gala/lib/lifecycle';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc, type Client, type Handlers, type Rpc } from '@gala/lib/rpc';
import type { MemoryCoord } from '@gala/lib/rpc/testing';
import { AccountService } from '@gala/protocol/account';
import { commonErrors, interactionErrors } from '@gala/protocol/errors';
import { InteractionService, type Submission } from '@gala/protocol/interaction';
import { RoomService, Visibility } from '@gala/protocol/room';
import { SignalService } from '@gala/protocol/signal';
import {
  binarySubprotocol,
  encodeSignals,
  openRules,
  readServerMessage,
  signalClasses,
  type Batch,
  type ClientMessage,
  type CommentSignal,
  type HelloMessage,
  type ServerMessage,
  type WelcomeMessage,
} from '@gala/protocol/signals';
import { signTicket, type SignalTicket } from '@gala/protocol/ticket';
import { WebSocket } from 'ws';
import { role, signalSection } from './index.ts';

export const testKey = { kid: 'k1', secret: Buffer.alloc(32, 1) };
export const testRoomId = 2 ** 20 + 1;

type WireBatch = Parameters<Client<typeof SignalService>['deliver']>[0]['batches'] extends
  | (infer Each)[]
  | undefined
  ? Each
  : never;

/** An owner of rooms as nodes see it, told by the test what is said. */
export class TestOwner implements AsyncDisposable {
  epoch = 1;
  offset = 0;
  /** Calls are refused with this code. */
  refuses: 'NOT_OWNER' | 'UNAVAILABLE' | 'ROOM_SILENT' | undefined;
  /** It opens rooms, and does not answer what was said in them. */
  refusesReads = false;
  /** Of control and money before its epoch it knows nothing yet. */
  isDurablePending = false;
  /** Control and money of before its epoch, by number. */
  readonly promised: { text: string; durable: number }[] = [];
  durable = 0;
  /** Batches are kept, but not brought to the nodes. */
  isMute = false;
  /** Offset up to which batches are forgotten. */
  forgotten = 0;
  /** Answers of the owner to what clients say, by text. */
  readonly answers = new Map<string, { code: string; retryAfterMs: number }>();
  readonly submissions: Submission[] = [];
  readonly present = new Map<string, Map<bigint, string>>();
  readonly batches: NonNullable<WireBatch>[] = [];
  readonly nodes = new Set<string>();
  opens = 0;
  reads = 0;
  readonly rpc: Rpc & AsyncDisposable;
  readonly #nodes: Client<typeof SignalService>;

  constructor(rpc: Rpc & AsyncDisposable) {
    this.rpc = rpc;
    this.#nodes = rpc.client(SignalService);
  }

  static async start(coord: MemoryCoord, memberId = 'owner-1'): Promise<TestOwner> {
    const owner = new TestOwner(testRpc(coord, memberId));
    await owner.rpc.serve(InteractionService, owner.#handlers());
    return owner;
  }

  /** Says comments as one batch; with `filter` only to clients of a kind. */
  async say(texts: readonly string[], { tiers = 0b1111, capability = '' } = {}): Promise<void> {
    const from = this.offset + 1;
    this.offset += texts.length;
    const batch = batchOf(texts, { from, epoch: this.epoch, durable: this.durable, tiers, capability });
    this.batches.push(batch);
    if (!this.isMute) await this.deliver([batch]);
  }

  async deliver(batches: NonNullable<WireBatch>[]): Promise<void> {
    for (const node of this.nodes) {
      try {
        await this.#nodes.deliver({ owner: 'owner-1', batches, peers: [] }, { member: node });
      } catch {
        // A node that is gone repairs.
      }
    }
  }

  async tell(node: string, connections: bigint[], text: string): Promise<void> {
    const signal = Buffer.from(JSON.stringify(comment(text, 0, Date.now())));
    const peers = [{ roomId: BigInt(testRoomId), connections, signal }];
    await this.#nodes.deliver({ owner: 'owner-1', batches: [], peers }, { member: node });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rpc[Symbol.asyncDispose]();
  }

  #recalled(after: number): NonNullable<WireBatch>[] {
    const missed = this.promised.filter(({ durable }) => durable > after);
    if (missed.length === 0) return [];
    const texts = missed.map(({ text }) => text);
    return [batchOf(texts, { from: 1, epoch: 0, durable: this.durable, tiers: 0b1111, capability: '' })];
  }

  #check(): void {
    if (this.refuses === 'UNAVAILABLE') throw new CodedError(commonErrors, 'UNAVAILABLE');
    if (this.refuses) throw new CodedError(interactionErrors, this.refuses);
  }

  #handlers(): Handlers<typeof InteractionService> {
    const handlers: Partial<Handlers<typeof InteractionService>> = {
      openRoom: async ({ node }) => {
        this.#check();
        this.opens++;
        this.nodes.add(node);
        const state = [{ name: 'likes', version: 1n, stateVersion: 1n, value: Buffer.from('{"total":7}') }];
        const place = {
          epoch: BigInt(this.epoch),
          offset: BigInt(this.offset),
          durable: BigInt(this.durable),
        };
        return { ...place, stateVersion: 1n, state, rules: Buffer.from(JSON.stringify(openRules)) };
      },
      closeRoom: async ({ node }) => {
        this.nodes.delete(node);
        return {};
      },
      submit: async ({ submissions }) => {
        this.#check();
        this.submissions.push(...submissions);
        const results = submissions.map(({ signal, clientId }) => {
          const { text = '' } = JSON.parse(Buffer.from(signal).toString()) as { text?: string };
          const answer = this.answers.get(text);
          return answer ?? { code: '', retryAfterMs: 0, signalId: `s-${clientId}` };
        });
        return { results };
      },
      reportPresence: async ({ node, rooms }) => {
        this.#check();
        for (const { joined, leftConnections, whole } of rooms) {
          const known = (whole ? undefined : this.present.get(node)) ?? new Map<bigint, string>();
          for (const { connection, speaker } of joined) known.set(connection, speaker?.name ?? '');
          for (const id of leftConnections) known.delete(id);
          this.present.set(node, known);
        }
        return { notOwned: [] };
      },
      readBatches: async ({ epoch, after, limit, afterDurable }) => {
        this.#check();
        this.reads++;
        if (this.refusesReads) throw new CodedError(commonErrors, 'UNAVAILABLE');
        const isKnown = Number(epoch) === this.epoch && Number(after) >= this.forgotten;
        const base = isKnown ? Number(after) : this.forgotten;
        const batches = this.batches.filter(({ to }) => Number(to) > base).slice(0, limit);
        const recalled = isKnown || this.isDurablePending ? [] : this.#recalled(Number(afterDurable));
        return {
          epoch: BigInt(this.epoch),
          offset: BigInt(this.offset),
          durable: BigInt(this.durable),
          complete: isKnown,
          durablePending: !isKnown && this.isDurablePending,
          batches: [...recalled, ...batches],
        };
      },
    };
    return whole(InteractionService, handlers);
  }
}

interface BatchPlace {
  readonly from: number;
  readonly epoch: number;
  readonly durable: number;
  readonly tiers: number;
  readonly capability: string;
}

function batchOf(
  texts: readonly string[],
  { from, epoch, durable, tiers, capability }: BatchPlace,
): NonNullable<WireBatch> {
  const atMs = Date.now();
  const signals = texts.map((text, index) => comment(text, from + index, atMs));
  const payload = Uint8Array.from(encodeSignals(signals, { from, atMs }));
  const memberClass = signalClasses.indexOf('member');
  const filter = capability === '' ? {} : { filter: { platforms: [], versionMin: 0, capability } };
  const counts = [0, 1, 2, 3].map((tier) => {
    const shed = (tiers & (1 << tier)) === 0 ? signals.length : 0;
    return { class: memberClass, tier, offered: signals.length, merged: 0, shed };
  });
  return {
    roomId: BigInt(testRoomId),
    epoch: BigInt(epoch),
    from: BigInt(from),
    to: BigInt(from + texts.length - 1),
    atMs: BigInt(atMs),
    durable: BigInt(durable),
    stateVersion: 1n,
    sections: [{ class: memberClass, tiers, items: signals.length, payload, ...filter }],
    counts,
  };
}

function comment(text: string, offset: number, atMs: number): CommentSignal {
  const author = { userId: 1, name: 'anna', role: 'viewer' } as const;
  return { type: 'comment', class: 'member', offset, atMs, signalId: `s${offset}`, author, text, count: 1 };
}

type AnyService = Parameters<Rpc['members']>[0];

/** Handlers of a service of which the test needs some. */
function whole<Service extends AnyService>(
  service: Service,
  handlers: Partial<Handlers<Service>>,
): Handlers<Service> {
  const unused = async (): Promise<never> => {
    throw new CodedError(commonErrors, 'NOT_FOUND');
  };
  const all = Object.fromEntries(Object.keys(service.method).map((name) => [name, unused]));
  return { ...all, ...handlers } as unknown as Handlers<Service>;
}

function testRpc(coord: MemoryCoord, memberId: string): Rpc & AsyncDisposable {
  const logger = createLogger({ name: 'test', level: 'error', destination: { write: () => undefined } });
  const hosts = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'none' };
  const clusterToken = 'cluster-token-of-tests';
  const metrics = createMetrics(memberId);
  return createRpc({ ...hosts, memberId, coord, clusterToken, logger, metrics });
}

export interface TestNodeOptions {
  readonly coord: MemoryCoord;
  readonly nodeId?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly visibility?: Visibility;
  readonly accepts?: AcceptLimits;
}

export interface TestNode extends AsyncDisposable {
  readonly nodeId: string;
  readonly port: number;
  readonly url: string;
  readonly rpc: Rpc;
  readonly logLines: readonly string[];
  /** The value of a counter or gauge, from the text that is scraped. */
  metric(name: string): Promise<number>;
}

/** What clients get does not depend on how busy the machine of the tests is. */
const unloaded = { GALA_SIGNAL_BUSY_LOOP_MS: '60000' };

/** The signal role alone, on real sockets and the real rpc; accounts and rooms are the test's. */
export async function startTestNode(options: TestNodeOptions): Promise<TestNode> {
  const { coord, nodeId = 'node-1', env = {}, visibility = Visibility.PUBLIC, accepts } = options;
  await using stack = new AsyncDisposableStack();
  const logLines: string[] = [];
  const destination = { write: (line: string) => void logLines.push(line) };
  const logger = createLogger({ name: 'test', level: 'debug', destination });
  const metrics = createMetrics(nodeId);
  const address = { host: '127.0.0.1', port: 0, portSetting: 'none', logger, metrics };
  const web = stack.use(await listen({ ...address, name: 'web', trustedProxies: ['127.0.0.1'], accepts }));
  const rpc = stack.use(testRpc(coord, nodeId));
  const signingKeys = async () => ({ keys: [{ kid: testKey.kid, secret: Uint8Array.from(testKey.secret) }] });
  await rpc.serve(AccountService, whole(AccountService, { signingKeys }));
  const getRoom = async () => ({ room: { roomId: BigInt(testRoomId), visibility } });
  await rpc.serve(RoomService, whole(RoomService, { getRoom }));
  const url = `ws://127.0.0.1:${web.port}/signal`;
  const context = {
    processId: nodeId,
    settings: loadSettings([signalSection], { env: { GALA_SIGNAL_PUBLIC_URL: url, ...unloaded, ...env } }),
    clock: systemClock,
    logger,
    metrics,
    rpc,
    coord: coord as unknown as Coord,
    listener: async () => web,
  } as unknown as Context;
  stack.use(await role.start(context));
  const owned = stack.move();
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(await metrics.text())?.[1]);
  return {
    nodeId,
    port: web.port,
    url,
    rpc,
    logLines,
    metric,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export function testTicket(fields: Partial<SignalTicket> = {}): string {
  const ticket = { roomId: testRoomId, userId: 7, name: 'anna', role: 'viewer', device: 'd1' } as const;
  return signTicket({ ...ticket, expiresAtMs: Date.now() + 60_000, ...fields }, testKey);
}

/** A client that keeps what it gets. */
export class TestClient implements Disposable {
  readonly socket: WebSocket;
  readonly messages: ServerMessage[] = [];
  /** Payloads of all batches, as they came. */
  readonly frames: Buffer[] = [];
  closeCode: number | undefined;

  constructor(
    url: string,
    { subprotocol = binarySubprotocol, deflate = false, headers = {}, localAddress = '127.0.0.1' } = {},
  ) {
    this.socket = new WebSocket(url, [subprotocol], { perMessageDeflate: deflate, headers, localAddress });
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code) => (this.closeCode = code));
    this.socket.on('message', (data: Buffer, isBinary) => {
      const message = readServerMessage(isBinary ? data : data.toString());
      if (message) this.messages.push(message);
      if (message?.type === 'batch') this.frames.push(data);
    });
  }

  static async open(url: string, hello: Partial<HelloMessage> = {}, options = {}): Promise<TestClient> {
    const client = new TestClient(url, options);
    await once(client.socket, 'open');
    client.hello(hello);
    return client;
  }

  hello(fields: Partial<HelloMessage> = {}): void {
    const client = { platform: 'test', version: 1, capabilities: [] };
    this.send({ type: 'hello', ticket: testTicket(), client, ...fields });
  }

  send(message: ClientMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  get welcome(): WelcomeMessage | undefined {
    return this.messages.find((each) => each.type === 'welcome');
  }

  get batches(): Batch[] {
    return this.messages.flatMap((each) => (each.type === 'batch' ? [each.batch] : []));
  }

  get texts(): string[] {
    return this.batches.flatMap(({ signals }) =>
      signals.map((each) => (each.type === 'comment' ? each.text : each.type)),
    );
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

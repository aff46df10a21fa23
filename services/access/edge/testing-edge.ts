import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Breakers } from '@gala/lib/breaker';
import { Caches } from '@gala/lib/cache';
import { systemClock } from '@gala/lib/clock';
import { openCollections } from '@gala/lib/collections';
import { loadSettings } from '@gala/lib/config';
import type { Coord } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { listen } from '@gala/lib/http';
import type { Context } from '@gala/lib/lifecycle';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc, type Handlers, type Rpc } from '@gala/lib/rpc';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { Tracer } from '@gala/lib/trace';
import { connectRtmp } from '@gala/media-io/rtmp';
import { AccountService } from '@gala/protocol/account';
import { accountErrors, commonErrors, roomErrors } from '@gala/protocol/errors';
import {
  RecordingState,
  RoomService,
  RoomState,
  StreamEvent,
  StreamOrder,
  Visibility,
  type EdgeStream,
  type HostMedia,
  type Recording,
} from '@gala/protocol/room';
import type { PlayKey } from '@gala/protocol/play';
import { edgeSections, role } from './index.ts';
import { bodies } from './testing.ts';

export interface TestReport {
  readonly roomId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly event: string;
  readonly reason: string;
  readonly videoCodec: string;
  readonly audioCodec: string;
}

/** The room service of a test: one host with one room, whose answers the test chooses. */
export class TestRooms {
  /** Host 1 publishes with this. */
  streamKey = '1.secret';
  readonly holdMs = 60_000;
  /** What the host wants done with the streams. */
  media: Partial<Pick<HostMedia, 'record' | 'forwardUrls' | 'sourceUrl'>> = {};
  roomId = 2 ** 20 + 1;
  epoch = 0;
  visibility = Visibility.PUBLIC;
  /** While false every call is answered UNAVAILABLE. */
  isReachable = true;
  /** The edge that was asked to admit last; it owns the room, and others that do not relay it are told to stop. */
  edgeId = '';
  /** What the edges said last, by their ids. */
  readonly carried = new Map<string, readonly EdgeStream[]>();
  /** Answers a publisher waits for, in the order of their calls; without any it is answered at once. */
  readonly gates: Promise<void>[] = [];
  /** What a heart-beat waits for. */
  beatGate: Promise<void> | undefined;
  order = StreamOrder.GO_ON;
  stopRoomIds: number[] = [];
  readonly reports: TestReport[] = [];
  readonly recordings: Recording[] = [];
  /** What an edge is to remove. */
  removals: Recording[] = [];
  state = RoomState.LIVE;
  beats = 0;

  get handlers(): Handlers<typeof RoomService> {
    const unused = async (): Promise<never> => {
      throw new CodedError(commonErrors, 'NOT_FOUND');
    };
    const served: Partial<Handlers<typeof RoomService>> = {
      admitPublish: async ({ streamKey, edgeId, onlyCheck }) => this.#admit(streamKey, edgeId, onlyCheck),
      admitPull: async ({ edgeId }) => this.#admit(this.streamKey, edgeId, false),
      getHost: async () => ({ host: { hostId: 1n, name: 'Anna', visibility: this.visibility } }),
      getHostMedia: async () => ({ media: this.media }),
      reportStream: async ({ roomId, epoch, sequence, event, reason, videoCodec, audioCodec }) => {
        this.#check();
        const ids = { roomId: Number(roomId), epoch: Number(epoch) };
        const codecs = { videoCodec, audioCodec };
        this.reports.push({ ...ids, sequence, event: StreamEvent[event], reason, ...codecs });
        return { order: this.order };
      },
      reportRecording: async ({ recording }) => {
        this.#check();
        if (recording) this.recordings.push(recording);
        return {};
      },
      listRecordings: async () => {
        this.#check();
        const last = new Map(this.recordings.map((each) => [`${each.startedAtMs}.${each.format}`, each]));
        return { recordings: [...last.values()].filter(({ state }) => state !== RecordingState.REMOVED) };
      },
      listRemovals: async () => {
        this.#check();
        return { recordings: this.removals };
      },
      getRoom: async ({ roomId }) => {
        this.#check();
        const { epoch, edgeId, visibility } = this;
        const isOver = this.order === StreamOrder.STOP || this.stopRoomIds.includes(Number(roomId));
        const state = isOver ? RoomState.ENDED : this.state;
        return {
          room: { roomId, hostId: 1n, hostName: 'Anna', epoch: BigInt(epoch), edgeId, visibility, state },
        };
      },
      reportEdge: async ({ edgeId, streams }) => {
        this.#check();
        this.beats++;
        this.carried.set(edgeId, streams);
        const stale = streams.filter(({ relayed }) => !relayed && edgeId !== this.edgeId);
        const stopRoomIds = [...this.stopRoomIds.map(BigInt), ...stale.map(({ roomId }) => roomId)];
        await this.beatGate;
        return { stopRoomIds };
      },
    };
    const names = Object.keys(RoomService.method).map((name) => [name, unused] as const);
    return { ...(Object.fromEntries(names) as unknown as Handlers<typeof RoomService>), ...served };
  }

  /** Names of the events reported so far. */
  get events(): string[] {
    return this.reports.map(({ event }) => event);
  }

  async #admit(streamKey: string, edgeId: string, onlyCheck: boolean) {
    this.#check();
    if (streamKey !== this.streamKey) throw new CodedError(roomErrors, 'STREAM_KEY_WRONG');
    const epoch = BigInt(onlyCheck ? this.epoch : ++this.epoch);
    if (!onlyCheck) this.edgeId = edgeId;
    if (!onlyCheck) await this.gates.shift();
    const { roomId, visibility, holdMs, media } = this;
    return {
      holdMs,
      media,
      room: { roomId: BigInt(roomId), hostId: 1n, hostName: 'Anna', epoch, visibility },
    };
  }

  #check(): void {
    if (!this.isReachable) throw new CodedError(commonErrors, 'UNAVAILABLE');
  }
}

export interface TestEdgeOptions {
  /** Settings as environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly playKeys?: readonly PlayKey[];
  /** Unique among the edges that share `coord` and `rooms`. */
  readonly edgeId?: string;
  readonly coord?: MemoryCoord;
  readonly rooms?: TestRooms;
  /** What starts its native children; without it each one fails to start. */
  readonly spawn?: Context['spawn'];
}

/** The edge role alone in this process, on real sockets and the real rpc; its peers are served by the test. */
export interface TestEdge extends AsyncDisposable {
  readonly rpc: Rpc;
  readonly rooms: TestRooms;
  readonly tracer: Tracer;
  readonly dataFolder: string;
  readonly port: number;
  readonly internalPort: number;
  readonly adminPort: number;
  readonly rtmpUrl: string;
  readonly logLines: readonly string[];
  /** The value of a counter or gauge, from the text that is scraped. */
  metric(name: string): Promise<number>;
  /** Of all metrics that are scraped. */
  metricNames(): Promise<string[]>;
}

export async function startTestEdge(options: TestEdgeOptions = {}): Promise<TestEdge> {
  const { env = {}, playKeys = [], spawn = spawnNothing } = options;
  const defaults = { GALA_RTMP_PORT: '0', GALA_COVERS_ENABLED: String(options.spawn !== undefined) };
  const { edgeId = 'test-1', rooms = new TestRooms() } = options;
  await using stack = new AsyncDisposableStack();
  const dataFolder = await mkdtemp(path.join(tmpdir(), 'gala-edge-'));
  stack.defer(() => rm(dataFolder, { recursive: true, force: true }));
  const logLines: string[] = [];
  const destination = { write: (line: string) => void logLines.push(line) };
  const logger = createLogger({ name: 'test', level: 'debug', destination });
  const metrics = createMetrics('test');
  const address = { host: '127.0.0.1', port: 0, portSetting: 'none', logger, metrics };
  const live = stack.use(await listen({ ...address, name: 'live' }));
  const admin = stack.use(await listen({ ...address, name: 'admin' }));
  const internal = stack.use(await listen({ ...address, name: 'internal' }));
  const listeners = { live, web: live, admin, internal };
  const coord = (options.coord ?? new MemoryCoord()) as unknown as Coord;
  const collections = stack.use(await openCollections({ clock: systemClock, logger, metrics }));
  const clusterToken = 'cluster-token-of-tests';
  const hosts = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1' };
  const rpc = stack.use(createRpc({ ...address, ...hosts, memberId: edgeId, coord, clusterToken }));
  const tracer = new Tracer({ clock: systemClock, logger, metrics, sampleShare: 1 });
  await servePeers(rpc, rooms, playKeys);
  const context: Context = {
    dataFolder,
    processId: edgeId,
    processName: 'test',
    settings: loadSettings(edgeSections, { env: { ...defaults, ...env } }),
    secrets: { operatorToken: '', clusterToken },
    clock: systemClock,
    logger,
    metrics,
    rpc,
    // The edge keeps nothing in a database.
    sql: undefined as never,
    jobs: undefined as never,
    coord,
    collections,
    caches: stack.use(new Caches({ processId: edgeId, clock: systemClock, metrics })),
    // The edge writes no events.
    eventlog: undefined as never,
    breakers: new Breakers({ clock: systemClock, logger, metrics }),
    tracer,
    advertiseHost: '127.0.0.1',
    listener: async (name) => listeners[name],
    spawn,
  };
  const running = stack.use(await role.start(context));
  const owned = stack.move();
  return {
    rpc,
    rooms,
    tracer,
    dataFolder,
    port: live.port,
    internalPort: internal.port,
    adminPort: admin.port,
    rtmpUrl: running.addresses!.rtmp,
    logLines,
    metric: async (name) => metricIn(await metrics.text(), name),
    metricNames: async () => [...(await metrics.text()).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function metricIn(text: string, name: string): number {
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
}

function spawnNothing(): never {
  throw new Error('this test starts no child');
}

async function servePeers(rpc: Rpc, rooms: TestRooms, playKeys: readonly PlayKey[]): Promise<void> {
  await rpc.serve(RoomService, rooms.handlers);
  const unused = async (): Promise<never> => {
    throw new CodedError(commonErrors, 'NOT_FOUND');
  };
  const names = Object.keys(AccountService.method).map((name) => [name, unused] as const);
  const handlers = Object.fromEntries(names) as unknown as Handlers<typeof AccountService>;
  const signingKeys = async () => ({
    keys: playKeys.map(({ kid, secret }) => ({ kid, secret: Uint8Array.from(secret) })),
  });
  const findUser: Handlers<typeof AccountService>['findUser'] = async ({ name }) => {
    if (name.toLowerCase() !== 'anna') throw new CodedError(accountErrors, 'USER_UNKNOWN');
    return { user: { userId: 1n, name: 'Anna' } };
  };
  await rpc.serve(AccountService, { ...handlers, signingKeys, findUser });
}

/** Publishes over RTMP; the stream has set-up, a key frame and a sound when this resolves. */
export async function publish(edge: TestEdge, { streamKey = edge.rooms.streamKey } = {}) {
  const ended = Promise.withResolvers<string>();
  const codes: string[] = [];
  const client = await connectRtmp(edge.rtmpUrl, {
    streamKey,
    onStatus: ({ code }) => void codes.push(code),
    onClose: (error) => ended.resolve(error?.code ?? 'closed by us'),
  });
  await client.publish();
  client.sendVideo(0, bodies.videoHeader());
  client.sendAudio(0, bodies.audioHeader);
  client.sendVideo(0, bodies.keyFrame());
  client.sendAudio(0, bodies.audioFrame());
  return { client, codes, ended: ended.promise, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

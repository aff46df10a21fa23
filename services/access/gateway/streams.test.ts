import { createMetrics } from '@gala/lib/metrics';
import { CodedError } from '@gala/lib/error';
import { createRpc, type Handlers } from '@gala/lib/rpc';
import { EdgeService } from '@gala/protocol/edge';
import { edgeErrors } from '@gala/protocol/errors';
import { composeRoomId } from '@gala/protocol/ids';
import { streamOperations } from '@gala/protocol/rest';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import * as account from '../../application/account/index.ts';
import * as room from '../../application/room/index.ts';
import { traceSection, watchProcess } from '../../foundation/monitor/index.ts';
import { gatewaySection, role } from './index.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

let house: TestHouse;
let operator: TestClient;
/** On both edges, on one, on none. */
const [gala, small, nowhere] = [7, 8, 9].map((session) => composeRoomId(1, session));
const cleanUp = new AsyncDisposableStack();

/** What the edges of this test are asked to do, by edge. */
let kicks: string[] = [];

beforeAll(async () => {
  house = cleanUp.use(
    await startTestHouse({
      roles: [account.role, room.readerRole, room.role, role],
      sections: [account.accountSection, room.roomSection, room.diskSection, gatewaySection, traceSection],
      migrations: [...account.migrations, ...room.migrations],
    }),
  );
  operator = new TestClient(house.listener.port, { token: house.operatorToken });
  cleanUp.use(await watchProcess(house.context));
  await startEdge('edge-a', { owner: true, viewers: [1, 2], rooms: [gala, small] });
  await startEdge('edge-b', { owner: false, viewers: [1, 2, 3], rooms: [gala] });
}, 60_000);

beforeEach(() => {
  kicks = [];
});

afterAll(() => cleanUp.disposeAsync());

interface EdgeState {
  readonly owner: boolean;
  readonly viewers: readonly number[];
  readonly rooms: readonly number[];
}

/** An edge as the gateway meets it: another process, over the real rpc. Its first room alone has viewers. */
async function startEdge(name: string, state: EdgeState): Promise<void> {
  const { coord, logger } = house.context;
  const host = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'none' };
  const clusterToken = 'cluster-token-of-tests';
  const metrics = createMetrics(name);
  const rpc = cleanUp.use(createRpc({ memberId: name, coord, clusterToken, ...host, logger, metrics }));
  await rpc.serve(EdgeService, edgeHandlers(name, state));
}

function edgeHandlers(name: string, { owner, viewers, rooms }: EdgeState): Handlers<typeof EdgeService> {
  const countOf = (roomId: number) => (roomId === rooms[0] ? viewers.length : 0);
  const streamOf = (roomId: number) => ({
    roomId: BigInt(roomId),
    hostName: `host of ${roomId}`,
    state: owner ? 'live' : 'starting',
    epoch: 3n,
    owner,
    beganAtMs: 1000n,
    viewers: countOf(roomId),
    ...(owner && { publisher: { address: '192.0.2.1', rttMs: 12 } }),
    tracks: [{ kind: 'video', codec: 'avc1.64001f', width: 1280, height: 720 }],
    media: { bitsInPerSecond: 1000, bitsOutPerSecond: 1000 * countOf(roomId), bytesOut: 10 },
    classes: [{ latency: 'low', framings: [{ framing: 'flv', viewers: countOf(roomId) }], picturesShed: 2 }],
  });
  const check = (roomId: bigint): void => {
    if (!rooms.includes(Number(roomId))) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  };
  return {
    getEdge: async () => ({ edge: { streams: rooms.length, viewers: viewers.length, startedAtMs: 5n } }),
    listStreams: async () => ({ streams: rooms.map(streamOf), owned: owner ? rooms.length : 0 }),
    getStream: async ({ roomId, viewersLimit, viewersOffset }) => {
      check(roomId);
      const page = viewers.slice(viewersOffset, viewersOffset + viewersLimit);
      const listed = page.map((id) => ({ viewerId: BigInt(id), address: '192.0.2.9', latency: 'low' }));
      return { stream: streamOf(Number(roomId)), viewers: listed };
    },
    kickViewer: async ({ roomId, viewerId, reason }) => {
      check(roomId);
      kicks.push(`${name} viewer ${viewerId} ${reason}`);
      return { kicked: viewers.includes(Number(viewerId)) };
    },
    drain: async ({ reason }) => {
      if (!owner) throw new CodedError(edgeErrors, 'EDGE_ALONE');
      kicks.push(`${name} drain ${reason}`);
      return {};
    },
    kickPublisher: async ({ roomId, reason }) => {
      check(roomId);
      if (owner) kicks.push(`${name} publisher ${reason}`);
      return { kicked: owner };
    },
  };
}

const viewersOf = async (query: { limit?: number; offset?: number }): Promise<string[]> => {
  const { body } = await operator.call('getStream', { params: { roomId: gala }, query });
  return body.viewers.map(({ viewerId }) => viewerId);
};

test('a stream on several edges is one, as its publisher knows it, with the viewers of all', async () => {
  const { body } = await operator.call('listStreams');
  expect(body).toMatchObject({ total: 2, unreachable: [] });
  expect(body.streams.map(({ roomId }) => roomId)).toEqual([gala, small]);
  expect(body.streams[0]).toMatchObject({
    hostName: `host of ${gala}`,
    state: 'live',
    viewers: 5,
    publisher: { address: '192.0.2.1', rttMs: 12 },
    tracks: [{ kind: 'video', codec: 'avc1.64001f', width: 1280, height: 720 }],
    media: { bitsInPerSecond: 1000, bitsOutPerSecond: 5000, bytesOut: 20 },
    classes: [{ latency: 'low', viewers: 5, picturesShed: 4, framings: [{ framing: 'flv', viewers: 5 }] }],
    edges: [
      { edgeId: 'edge-a', owner: true, viewers: 2 },
      { edgeId: 'edge-b', owner: false, viewers: 3 },
    ],
  });
  expect((await operator.call('listStreams', { query: { limit: 1 } })).body).toMatchObject({
    total: 2,
    streams: [{ roomId: gala }],
  });
});

test('the viewers of a stream come page by page over all edges', async () => {
  expect(await viewersOf({})).toEqual(['edge-a.1', 'edge-a.2', 'edge-b.1', 'edge-b.2', 'edge-b.3']);
  expect(await viewersOf({ limit: 2 })).toEqual(['edge-a.1', 'edge-a.2']);
  expect(await viewersOf({ limit: 2, offset: 1 })).toEqual(['edge-a.2', 'edge-b.1']);
  expect(await viewersOf({ limit: 9, offset: 3 })).toEqual(['edge-b.2', 'edge-b.3']);
  expect(await viewersOf({ offset: 5 })).toEqual([]);
});

test('a kick reaches the edge of the viewer alone, and is logged with who and why', async () => {
  const kick = (viewerId: string) =>
    operator.call('kickViewer', { params: { roomId: gala, viewerId }, body: { reason: 'spam' } });
  expect((await kick('edge-b.3')).body).toEqual({ kicked: true });
  expect((await kick('edge-b.9')).body).toEqual({ kicked: false });
  expect((await kick('gone-1.3')).body).toEqual({ kicked: false });
  expect(kicks).toEqual(['edge-b viewer 3 spam', 'edge-b viewer 9 spam']);
  const [line] = house.logLines.filter((each) => each.includes('viewer kicked by request'));
  expect(JSON.parse(line)).toMatchObject({
    roomId: gala,
    viewerId: 'edge-b.3',
    by: 0,
    reason: 'spam',
    kicked: true,
  });
});

test('the publisher is kicked where it is; a room that nobody has is unknown', async () => {
  const kick = (roomId: number, reason = 'off topic') =>
    operator.call('kickPublisher', { params: { roomId }, body: { reason } });
  expect((await kick(gala)).body).toEqual({ kicked: true });
  expect(kicks).toEqual(['edge-a publisher off topic']);
  expect((await kick(nowhere)).code).toBe('STREAM_UNKNOWN');
  expect((await operator.call('getStream', { params: { roomId: nowhere } })).code).toBe('STREAM_UNKNOWN');
  expect((await kick(gala, '')).code).toBe('INVALID_REQUEST');
});

test('an edge is drained by its name', async () => {
  const drain = (edgeId: string) =>
    operator.call('drainEdge', { params: { edgeId }, body: { reason: 'new kernel' } });
  expect((await drain('edge-a')).body).toEqual({ draining: true });
  expect(kicks).toEqual(['edge-a drain new kernel']);
  expect((await drain('edge-b')).code).toBe('EDGE_ALONE');
  expect((await drain('gone-1')).code).toBe('NOT_FOUND');
});

test('edges are listed', async () => {
  const { edges } = (await operator.call('listEdges')).body;
  expect(edges).toMatchObject([
    { edgeId: 'edge-a', streams: 2, viewers: 2, startedAtMs: 5, draining: false },
    { edgeId: 'edge-b', streams: 1, viewers: 3 },
  ]);
});

test('traces are put together, newest first', async () => {
  const { tracer } = house.context;
  const first = tracer.start('one', { isSampled: true });
  first.child('inner').fail(new Error('away')).end();
  first.end();
  const second = tracer.start('two', { isSampled: true, attributes: { roomId: 7 } });
  second.end();
  const listed = (await operator.call('listTraces')).body.traces;
  const known = [first.traceId, second.traceId];
  const mine = listed.filter(({ traceId }) => known.includes(traceId));
  expect(new Set(mine.map(({ name }) => name))).toEqual(new Set(['one', 'two']));
  expect(mine.find(({ name }) => name === 'one')).toMatchObject({ spans: 2, failed: true, process: 'test' });
  for (let requests = 0; requests < 60; requests++) tracer.start('chatter', { isSampled: true }).end();
  expect((await operator.call('listTraces')).body.traces.every(({ name }) => name === 'chatter')).toBe(true);
  const named = async (name: string) => (await operator.call('listTraces', { query: { name } })).body.traces;
  for (const name of ['one', 'inner']) {
    expect(await named(name)).toMatchObject([
      { traceId: first.traceId, name: 'one', spans: 2, failed: true },
    ]);
  }
  expect(await named('unheard')).toEqual([]);
  const { body } = await operator.call('getTrace', { params: { traceId: first.traceId } });
  expect(body.spans).toMatchObject([
    { name: 'one', spanId: first.spanId },
    { name: 'inner', parentId: first.spanId, error: { code: 'INTERNAL', message: 'away' } },
  ]);
  const unknown = await operator.call('getTrace', { params: { traceId: 'f'.repeat(32) } });
  expect(unknown.code).toBe('NOT_FOUND');
});

test('all of it is for operators', async () => {
  const { session } = await createTestHost(operator, 'no-operator');
  expect((await session.call('listStreams')).code).toBe('FORBIDDEN');
  expect((await new TestClient(house.listener.port).call('listEdges')).code).toBe('UNAUTHENTICATED');
});

test('every operation of streams was answered with success, in the shape of its schema', () => {
  const names = Object.keys(streamOperations);
  expect([...TestClient.exercised].filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});

test('an edge that does not answer is named, and what it has may be missing', async () => {
  await house.context.coord.join('rpc/gala.edge.v1.EdgeService', {
    id: 'edge-c',
    data: { address: '127.0.0.1:1' },
  });
  await expect
    .poll(async () => (await operator.call('listEdges')).body.unreachable, { timeout: 10_000 })
    .toEqual(['edge-c']);
  const { body } = await operator.call('listStreams');
  expect([body.unreachable, body.streams.length]).toEqual([['edge-c'], 2]);
  const missing = await operator.call('getStream', { params: { roomId: nowhere } });
  expect([missing.code, missing.detail]).toEqual(['UNAVAILABLE', 'no answer from edge-c']);
  const kick = await operator.call('kickPublisher', { params: { roomId: gala }, body: { reason: 'x' } });
  expect(kick.body).toEqual({ kicked: true });
});

import { CodedError } from '@gala/lib/error';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc, type Handlers } from '@gala/lib/rpc';
import { AccountService } from '@gala/protocol/account';
import { signalErrors } from '@gala/protocol/errors';
import { ModerationService } from '@gala/protocol/moderation';
import { signalOperations } from '@gala/protocol/rest';
import { SignalService } from '@gala/protocol/signal';
import { verifyTicket } from '@gala/protocol/ticket';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { houseOfRooms } from '../../../test/harness/houses.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

let house: TestHouse;
let operator: TestClient;
let host: Awaited<ReturnType<typeof createTestHost>>;
const cleanUp = new AsyncDisposableStack();
const drained: string[] = [];
const banned = new Set<number>();

beforeAll(async () => {
  house = cleanUp.use(await startTestHouse(houseOfRooms));
  operator = new TestClient(house.listener.port, { token: house.operatorToken });
  host = await createTestHost(operator, 'chatty');
  await startNode('node-a', { publicUrl: 'ws://a.example/signal', connections: 5 });
  await startNode('node-b', { publicUrl: 'ws://b.example/signal', connections: 7 });
  await startNode('node-full', { publicUrl: 'ws://full.example/signal', connections: 100 });
}, 60_000);

afterAll(() => cleanUp.disposeAsync());

/** A process of a fleet as the gateway meets it, over the real rpc. */
function otherProcess(name: string) {
  const { coord, logger } = house.context;
  const hosts = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'none' };
  const options = { memberId: name, coord, clusterToken: 'cluster-token-of-tests', ...hosts };
  return cleanUp.use(createRpc({ ...options, logger, metrics: createMetrics(name) }));
}

async function startNode(name: string, node: { publicUrl: string; connections: number }): Promise<void> {
  const handlers: Partial<Handlers<typeof SignalService>> = {
    getNode: async () => ({ ...node, connectionsMax: 100, startedAtMs: 5n, rooms: 1 }),
    drain: async () => {
      if (name !== 'node-a') throw new CodedError(signalErrors, 'NODE_ALONE');
      drained.push(name);
      return {};
    },
    deliver: async () => ({}),
    kick: async () => ({}),
  };
  await otherProcess(name).serve(SignalService, handlers as Handlers<typeof SignalService>);
}

async function startModeration(): Promise<void> {
  const unused = async (): Promise<never> => {
    throw new CodedError(signalErrors, 'NODE_ALONE');
  };
  const admit = async ({ userId, operator: isOperator }: { userId: bigint; operator: boolean }) => ({
    role: isOperator ? 'operator' : Number(userId) === host.hostId ? 'host' : 'moderator',
    banned: banned.has(Number(userId)),
  });
  const names = Object.keys(ModerationService.method).map((name) => [name, unused] as const);
  const handlers = { ...Object.fromEntries(names), admit };
  await otherProcess('owner-1').serve(
    ModerationService,
    handlers as unknown as Handlers<typeof ModerationService>,
  );
}

async function newRoom(visibility: 'public' | 'private' = 'public'): Promise<number> {
  const { body, code } = await host.session.call('createRoom', { body: { visibility } });
  expect(code).toBeUndefined();
  return body.room.roomId;
}

async function ticketOf(client: TestClient, roomId: number) {
  const { body, code } = await client.call('enterSignals', { params: { roomId }, body: { device: 'd1' } });
  expect(code).toBeUndefined();
  const { keys } = await house.context.rpc.client(AccountService).signingKeys({});
  return { ...body, said: verifyTicket(body.ticket, { keys, nowMs: Date.now() }) };
}

test('anyone enters a public room, with a ticket that says who he is and nodes that have room', async () => {
  const roomId = await newRoom();
  const { urls, readUrls, said, expiresAtMs } = await ticketOf(new TestClient(house.listener.port), roomId);
  expect(said).toMatchObject({ roomId, userId: 0, name: '', role: 'viewer', device: 'd1' });
  expect(urls.toSorted()).toEqual(['ws://a.example/signal', 'ws://b.example/signal']);
  expect(readUrls[0]).toBe(`${urls[0].replace('ws', 'http')}/rooms/${roomId}`);
  expect(expiresAtMs - Date.now()).toBeLessThan(180_000);
  // All clients of a room are sent to the same node first.
  const again = await ticketOf(new TestClient(house.listener.port), roomId);
  expect(again.urls).toEqual(urls);
  expect((await ticketOf(host.session, roomId)).said).toMatchObject({ userId: host.hostId, role: 'host' });
});

test('the role is what the moderation says, and who is banned gets no ticket', async () => {
  const roomId = await newRoom();
  await startModeration();
  const { session, hostId } = await createTestHost(operator, 'visitor');
  await expect.poll(async () => (await ticketOf(session, roomId)).said?.role).toBe('moderator');
  expect((await ticketOf(operator, roomId)).said).toMatchObject({ role: 'operator' });
  banned.add(hostId);
  const refused = await session.call('enterSignals', { params: { roomId }, body: {} });
  expect(refused).toMatchObject({ status: 403, code: 'BANNED' });
});

test('a private room is entered by its host alone; an unknown one by nobody', async () => {
  const roomId = await newRoom('private');
  const stranger = new TestClient(house.listener.port);
  const enter = (id: number) => stranger.call('enterSignals', { params: { roomId: id }, body: {} });
  expect((await enter(roomId)).code).toBe('ROOM_PRIVATE');
  expect((await enter(roomId + 77)).code).toBe('ROOM_UNKNOWN');
  expect((await ticketOf(host.session, roomId)).said).toMatchObject({ role: 'host' });
});

test('operators see the nodes, and drain one by its name', async () => {
  const { nodes, unreachable } = (await operator.call('listSignalNodes')).body;
  expect(unreachable).toEqual([]);
  expect(nodes.map(({ nodeId }) => nodeId)).toEqual(['node-a', 'node-b', 'node-full']);
  expect(nodes[0]).toMatchObject({ connections: 5, connectionsMax: 100, draining: false });
  const drain = (nodeId: string) =>
    operator.call('drainSignalNode', { params: { nodeId }, body: { reason: 'new kernel' } });
  expect((await drain('node-a')).body).toEqual({ draining: true });
  expect(drained).toEqual(['node-a']);
  expect((await drain('node-b')).code).toBe('NODE_ALONE');
  expect((await drain('gone-1')).code).toBe('NOT_FOUND');
  expect((await host.session.call('listSignalNodes')).code).toBe('FORBIDDEN');
});

test('every operation of signals was answered with success, in the shape of its schema', () => {
  // publish.test.ts calls that one, over a real owner.
  const names = Object.keys(signalOperations).filter((name) => name !== 'publishSignal');
  expect([...TestClient.exercised].filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});

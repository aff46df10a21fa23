import { tmpdir } from 'node:os';
import { Breakers } from '@gala/lib/breaker';
import { Caches } from '@gala/lib/cache';
import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { eventlogMigrations, openPostgresLog } from '@gala/lib/eventlog';
import type { Context } from '@gala/lib/lifecycle';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc, type Client } from '@gala/lib/rpc';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { Tracer } from '@gala/lib/trace';
import { composeRoomId } from '@gala/protocol/ids';
import { RoomService, RoomState, StreamEvent, StreamOrder, Visibility } from '@gala/protocol/room';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diskSection, migrations, readerRole, role, roomSection } from './index.ts';

const cleanUp = new AsyncDisposableStack();
let postgres: TestPostgres;
let tracer: Tracer;
let rooms: Client<typeof RoomService>;
let edge: AsyncDisposable;

beforeAll(async () => {
  postgres = cleanUp.use(
    await startTestPostgres({ sets: [coordMigrations, eventlogMigrations, ...migrations] }),
  );
  const { sql, logger } = postgres;
  const metrics = createMetrics('test');
  const base = { processId: 'front-1', dataFolder: tmpdir(), clock: systemClock, logger, metrics };
  const coord = cleanUp.use(await openPostgresCoord({ ...base, database: sql.core() }));
  const network = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'rpc.port' };
  const identity = { memberId: 'front-1', clusterToken: 'token', coord };
  const rpc = cleanUp.use(createRpc({ ...network, ...identity, logger, metrics }));
  const env = { GALA_ROOM_HOLD_MS: '400', GALA_ROOM_SWEEP_MS: '50', GALA_ROOM_EDGE_ABSENT_MS: '100' };
  const settings = loadSettings([roomSection, diskSection], { env });
  tracer = new Tracer(base);
  const breakers = new Breakers(base);
  const eventlog = cleanUp.use(openPostgresLog({ ...base, database: sql.core(), coord }));
  const caches = cleanUp.use(new Caches(base));
  const context = {
    ...base,
    sql,
    coord,
    caches,
    eventlog,
    rpc,
    settings,
    tracer,
    breakers,
  } as unknown as Context;
  cleanUp.use(await readerRole.start(context));
  cleanUp.use(await role.start(context));
  rooms = rpc.client(RoomService);
  edge = await coord.join('edge', { id: 'media-1', data: {} });
}, 60_000);
afterAll(() => cleanUp.disposeAsync());

let hostsMade = 0;

async function makeHost() {
  const userId = BigInt(++hostsMade);
  const { host, streamKey } = await rooms.createHost({ userId, name: `host${userId}`, title: 'a show' });
  return { host, streamKey, hostId: userId };
}

const admit = (streamKey: string, edgeId = 'media-1') =>
  rooms.admitPublish({ streamKey, edgeId, remoteAddress: '192.0.2.1' });

test('a broadcast over the wire: admitted, listed, held, ended by its host', async () => {
  const { host, streamKey, hostId } = await makeHost();
  expect(host).toMatchObject({ hostId, title: 'a show', visibility: Visibility.PUBLIC, sessionCount: 0 });
  const { room, holdMs } = await admit(streamKey);
  const admittedAt = performance.now();
  expect(holdMs).toBe(400);
  expect(room).toMatchObject({ state: RoomState.LIVE, epoch: 1n, edgeId: 'media-1' });
  expect(room?.roomId).toBe(BigInt(composeRoomId(Number(hostId), 1)));
  await expect.poll(async () => (await rooms.listLive({ limit: 10 })).rooms).toHaveLength(1);
  expect(performance.now() - admittedAt).toBeLessThan(3000);

  const { roomId, epoch } = room!;
  const report = { roomId, epoch, edgeId: 'media-1', sequence: 1, event: StreamEvent.STARTED };
  expect(await rooms.reportStream(report)).toMatchObject({ order: StreamOrder.GO_ON });
  const streams = [{ roomId, epoch, viewers: 4 }];
  expect(await rooms.reportEdge({ edgeId: 'media-1', streams })).toMatchObject({ stopRoomIds: [] });
  const ended = await rooms.endRoom({ roomId, reason: 'over' });
  expect(ended.room).toMatchObject({ state: RoomState.ENDED, endReason: 'over' });
  expect(await rooms.reportEdge({ edgeId: 'media-1', streams })).toMatchObject({ stopRoomIds: [roomId] });
  expect((await rooms.getPresentRoom({ hostId })).room).toMatchObject({ roomId, state: RoomState.ENDED });
});

test('a schedule, a change of the profile and a new key over the wire', async () => {
  const { hostId, streamKey } = await makeHost();
  expect((await rooms.getPresentRoom({ hostId })).room).toBeUndefined();
  const { room } = await rooms.createRoom({ hostId, title: 'tonight' });
  expect(room).toMatchObject({ state: RoomState.CREATED, title: 'tonight', visibility: Visibility.PUBLIC });
  await rooms.updateHost({ hostId, visibility: Visibility.PRIVATE });
  expect((await rooms.getRoom({ roomId: room!.roomId })).room).toMatchObject({
    title: 'tonight',
    visibility: Visibility.PRIVATE,
  });
  const rotated = await rooms.rotateStreamKey({ hostId });
  await expect(admit(streamKey)).rejects.toMatchObject({ code: 'STREAM_KEY_WRONG' });
  expect((await admit(rotated.streamKey)).room).toMatchObject({ roomId: room!.roomId });
});

test('what is no id, no edge or no event is refused by code', async () => {
  const invalid = { code: 'INVALID_REQUEST' };
  await expect(rooms.getRoom({ roomId: 0n })).rejects.toMatchObject(invalid);
  await expect(rooms.getHost({ hostId: 2n ** 60n })).rejects.toMatchObject(invalid);
  await expect(rooms.reportStream({ roomId: 1n, edgeId: 'media-1' })).rejects.toMatchObject(invalid);
  await expect(rooms.reportEdge({ edgeId: '' })).rejects.toMatchObject(invalid);
  await expect(rooms.getRoom({ roomId: 2n ** 30n })).rejects.toMatchObject({ code: 'ROOM_UNKNOWN' });
  await expect(rooms.getHost({ hostId: 2n ** 30n })).rejects.toMatchObject({ code: 'HOST_UNKNOWN' });
});

test('with the database down publishes are refused in time, reads go on, and all recovers', async () => {
  const { streamKey } = await makeHost();
  const { room } = await admit(streamKey);
  const { roomId } = room!;
  await rooms.getRoom({ roomId });
  await postgres.stop();
  const startedAt = performance.now();
  await expect(admit(streamKey)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - startedAt).toBeLessThan(2500);
  expect((await rooms.getRoom({ roomId })).room).toMatchObject({ roomId, state: RoomState.LIVE });
  await postgres.start();
  const again = () =>
    admit(streamKey).then(
      (answer) => answer.room?.epoch,
      () => undefined,
    );
  await expect.poll(again, { timeout: 10_000 }).toBe(2n);
});

test('when its edge is gone a room is held, then ended', async () => {
  const { streamKey, hostId } = await makeHost();
  await admit(streamKey);
  await edge[Symbol.asyncDispose]();
  const state = async () => (await rooms.getPresentRoom({ hostId })).room?.state;
  await expect.poll(state, { timeout: 10_000 }).toBe(RoomState.HOLD);
  await expect.poll(state, { timeout: 10_000 }).toBe(RoomState.ENDED);
});

test('a publish decision is a span of its publish', async () => {
  const { streamKey } = await makeHost();
  const parent = tracer.start('publish', { isSampled: true });
  const request = { streamKey, edgeId: 'media-1', remoteAddress: '192.0.2.1' };
  const { room } = await rooms.admitPublish(request, { traceparent: parent.traceparent });
  expect(tracer.trace(parent.traceId)).toMatchObject([
    { name: 'room.admitPublish', parentId: parent.spanId, attributes: { roomId: Number(room?.roomId) } },
  ]);
});

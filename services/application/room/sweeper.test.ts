import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { createMetrics } from '@gala/lib/metrics';
import { shardOfUser } from '@gala/protocol/ids';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Room } from './room.ts';
import { findRoom } from './store/rooms.ts';
import { Sweeper } from './sweeper.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from './testing.ts';

const dayMs = 86_400_000;

let world: TestRooms;
beforeAll(async () => {
  world = await startTestRooms({ sweepMs: 20, edgeAbsentMs: 100 });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

let cleanUp = new AsyncDisposableStack();
afterEach(async () => {
  await cleanUp.disposeAsync();
  cleanUp = new AsyncDisposableStack();
});

async function openCoord(processId: string) {
  const { sql, logger } = world;
  const metrics = createMetrics(processId);
  const options = { database: sql.core(), processId, clock: systemClock, logger, metrics };
  return cleanUp.use(await openPostgresCoord(options));
}

async function startSweeper(): Promise<void> {
  const coord = await openCoord(`room-${crypto.randomUUID()}`);
  cleanUp.use(new Sweeper({ ...world, coord }, await coord.members('edge')));
}

async function onAir(edgeId: string) {
  const { streamKey } = await makeHost(world);
  return { room: await publish(world, streamKey, edgeId), streamKey };
}

async function sweepsFailed(): Promise<number> {
  const text = await world.metrics.text();
  return Number(/^gala_room_sweeps_failed_total\{.*\} (\d+)$/m.exec(text)?.[1]);
}

/** Waits for the row itself, while the clock of the service goes on. */
async function expectRoom({ roomId, hostId }: Room, expected: Partial<Room>): Promise<void> {
  await expect
    .poll(
      async () => {
        world.clock.advance(50);
        return findRoom(world.sql.shard(shardOfUser(hostId)).pool, roomId);
      },
      { timeout: 10_000, interval: 20 },
    )
    .toMatchObject(expected);
}

test('rooms of an edge that is gone are held, then ended; those of a member stay', async () => {
  const edge = await openCoord('edge-process');
  await edge.join('edge', { id: 'edge-alive', data: {} });
  const { room: alive } = await onAir('edge-alive');
  const { room: orphan } = await onAir('edge-gone');
  await startSweeper();
  await expectRoom(orphan, { state: 'hold' });
  world.clock.advance(world.config.holdMs);
  await expectRoom(orphan, { state: 'ended', endReason: 'hold_expired', edgeId: '', viewers: 0 });
  await expectRoom(alive, { state: 'live', epoch: 1 });
});

test('an edge that leaves while it owns rooms loses them within its absence time', async () => {
  const edge = await openCoord('edge-process-2');
  const membership = await edge.join('edge', { id: 'edge-leaving', data: {} });
  const { room } = await onAir('edge-leaving');
  await startSweeper();
  await membership[Symbol.asyncDispose]();
  await expectRoom(room, { state: 'hold' });
});

test('a held room whose publisher came back in time is not ended', async () => {
  const edge = await openCoord('edge-process-3');
  await edge.join('edge', { id: 'edge-back', data: {} });
  const { room, streamKey } = await onAir('edge-back');
  await world.rooms.report({ ...room, reportSequence: 1, event: 'held', reason: '' });
  world.clock.advance(world.config.holdMs - 1000);
  await publish(world, streamKey, 'edge-back');
  const { room: other } = await onAir('edge-no-more');
  await startSweeper();
  await expectRoom(other, { state: 'hold' });
  world.clock.advance(world.config.holdMs);
  await expectRoom(other, { state: 'ended' });
  await expectRoom(room, { state: 'live', epoch: 2 });
});

test('a schedule that nobody kept ends after its days', async () => {
  const { hostId } = await makeHost(world);
  const room = await world.rooms.schedule({ hostId, title: 'some day', visibility: undefined });
  world.clock.advance(world.config.scheduleDaysMax * dayMs);
  await startSweeper();
  await expectRoom(room, { state: 'ended', endReason: 'never_began', startedAtMs: 0 });
});

test('a room with a time to begin ends when it has not begun long after it', async () => {
  const { hostId } = await makeHost(world);
  const startsAtMs = world.clock.nowMs() + world.config.scheduleDaysMax * dayMs;
  const room = await world.rooms.schedule({ hostId, title: 'some day', visibility: undefined, startsAtMs });
  const { hostId: other } = await makeHost(world);
  const timeless = await world.rooms.schedule({ hostId: other, title: 'any', visibility: undefined });
  await startSweeper();
  world.clock.advance(world.config.scheduleDaysMax * dayMs + 1);
  await expectRoom(timeless, { state: 'ended' });
  await expectRoom(room, { state: 'created' });
  world.clock.advance(world.config.scheduleLateMs);
  await expectRoom(room, { state: 'ended', endReason: 'never_began' });
});

test('of several sweepers one leads, and another follows when it goes', async () => {
  const { room: first } = await onAir('edge-lost-1');
  const leader = await openCoord('room-leader');
  const leading = new Sweeper({ ...world, coord: leader }, await leader.members('edge'));
  await expectRoom(first, { state: 'hold' });
  await startSweeper();
  await leading[Symbol.asyncDispose]();
  const { room: second } = await onAir('edge-lost-2');
  await expectRoom(second, { state: 'hold' });
});

test('an outage of the database ends no room: edges first say what they still carry', async () => {
  const edge = await openCoord('edge-process-4');
  await edge.join('edge', { id: 'edge-steady', data: {} });
  const { room } = await onAir('edge-steady');
  await world.rooms.report({ ...room, reportSequence: 1, event: 'held', reason: '' });
  const { room: earlier } = await onAir('edge-lost-3');
  await startSweeper();
  await expectRoom(earlier, { state: 'hold' });
  await world.postgres.stop();
  // The publisher comes back to its edge, which admits it from memory; nobody can write it down.
  world.clock.advance(world.config.holdMs + 60_000);
  const failedBefore = await sweepsFailed();
  await expect.poll(sweepsFailed, { timeout: 10_000 }).toBeGreaterThan(failedBefore + 1);
  await world.postgres.start();
  await expect.poll(() => world.sql.healthy(), { timeout: 10_000 }).toBe(true);
  const { room: orphan } = await onAir('edge-lost-4');
  await expectRoom(orphan, { state: 'hold' });
  const stream = { roomId: room.roomId, epoch: room.epoch, viewers: 5, held: false, relayed: false };
  await world.heartBeats.report('edge-steady', [stream]);
  await expectRoom(room, { state: 'live', viewers: 5 });
});

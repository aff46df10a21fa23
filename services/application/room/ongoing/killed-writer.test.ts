import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Breakers } from '@gala/lib/breaker';
import { Caches, MemoryValueStore } from '@gala/lib/cache';
import { startChangeReaders } from '@gala/lib/changes';
import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { eventlogMigrations, openPostgresLog, type EventLog } from '@gala/lib/eventlog';
import { createMetrics } from '@gala/lib/metrics';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { hostOfRoom } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig, roomSection } from '../config.ts';
import { DbReader } from '../reader/db-reader.ts';
import { Reads } from '../reads.ts';
import { migrations } from '../store/schema.ts';
import { OngoingEvents } from './events.ts';
import { OngoingKeeper } from './keeper.ts';
import { OngoingRooms } from './ongoing-rooms.ts';
import { roomFeed } from './room-change.ts';
import type { KilledWriter } from './testing/killed-writer.ts';
import { RandomRooms } from './testing/random-rooms.ts';

const cleanUp = new AsyncDisposableStack();
const within = { timeout: 20_000, interval: 20 };
/** So long that only an invalidation can be why an answer is right within the time of the test. */
const config = {
  ...readConfig(loadSettings([roomSection], { env: {} })),
  readTtlMs: 600_000,
};
let postgres: TestPostgres;
let log: EventLog;
/** What the two processes that answer share. */
const store = new MemoryValueStore({ clock: systemClock, bytesMax: 16_000_000 });

beforeAll(async () => {
  postgres = cleanUp.use(
    await startTestPostgres({ sets: [coordMigrations, eventlogMigrations, ...migrations] }),
  );
  const { sql, logger } = postgres;
  const parts = { clock: systemClock, logger, processId: 'test-1', metrics: createMetrics('test') };
  const coord = cleanUp.use(await openPostgresCoord({ ...parts, database: sql.core() }));
  log = cleanUp.use(openPostgresLog({ ...parts, database: sql.core(), coord }));
  cleanUp.use(startChangeReaders({ ...parts, databases: sql.shards(), coord, log, feeds: [roomFeed] }));
}, 60_000);
afterAll(() => cleanUp.disposeAsync());

/** What answers viewers in one process of the room role, following the feed or not. */
function openReads({ isFollowing }: { isFollowing: boolean }) {
  const { sql, logger } = postgres;
  const metrics = createMetrics('reads');
  const parts = { sql, clock: systemClock, logger, metrics, config };
  const ongoing = new OngoingRooms(parts);
  const caches = cleanUp.use(new Caches({ processId: 'reads', clock: systemClock, metrics, store }));
  const source = new DbReader({ ...parts, breakers: new Breakers(parts) });
  const reads = new Reads({ ...parts, source, ongoing, caches });
  if (!isFollowing) return { reads, isFed: () => true };
  const events = new OngoingEvents(parts);
  const onTold = reads.roomTold.bind(reads);
  const keeper = cleanUp.use(new OngoingKeeper({ ...parts, rooms: ongoing, onTold, log, events }));
  return { reads, isFed: () => keeper.isFed };
}

async function killedAfterCommit(roomId: number, title: string): Promise<void> {
  const given: KilledWriter = { urls: postgres.urls, roomId, title };
  const script = path.join(import.meta.dirname, 'testing/killed-writer.ts');
  const env = { ...process.env, KILLED_WRITER: JSON.stringify(given) };
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [, signal] = (await once(child, 'exit')) as unknown[];
  expect(signal).toBe('SIGKILL');
}

test('a writer that is killed after its commit is told of by the feed, in every level', async () => {
  const random = await RandomRooms.open(postgres.sql, { seed: 1, hosts: 1 });
  await random.batch(1);
  const [follower, other] = [openReads({ isFollowing: true }), openReads({ isFollowing: false })];
  await expect.poll(follower.isFed, within).toBe(true);
  const { rows } = (
    await Promise.all(
      postgres.sql.shards().map(({ pool }) => pool.query<{ room_id: number }>('select room_id from room')),
    )
  ).find(({ rowCount }) => rowCount === 1)!;
  const roomId = rows[0].room_id;
  const hostId = hostOfRoom(roomId);
  const titles = async ({ reads }: { reads: Reads }) => [
    (await reads.room(roomId))?.title,
    (await reads.presentRoom(hostId))?.title,
  ];
  const [before] = await titles(follower);
  expect(await titles(follower)).toEqual([before, before]);
  await killedAfterCommit(roomId, 'after the crash');
  const killedAtMs = performance.now();
  await expect.poll(() => titles(follower), within).toEqual(['after the crash', 'after the crash']);
  console.log(`right ${Math.round(performance.now() - killedAtMs)} ms after the writer was killed`);
  // A process that follows nothing and has nothing of its own yet finds what the follower mended.
  expect(await titles(other)).toEqual(['after the crash', 'after the crash']);
}, 60_000);

import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { createMetrics } from '@gala/lib/metrics';
import { ensureDatabases, prepareArchives, type DatabaseUrls } from '@gala/lib/sql';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { shardOfRoom } from '@gala/protocol/ids';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Room } from '../room.ts';
import { migrations } from '../store/schema.ts';
import { makeHost, openTestRooms, publish, startTestRooms, type TestRooms } from '../testing.ts';
import { Archiver } from './archiver.ts';

const dayMs = 86_400_000;
const within = { timeout: 30_000, interval: 20 };
const config = { archiveSettleMs: 1, archiveEveryMs: 20, weeksEveryMs: 20, readTtlMs: 1, readerAbsentMs: 1 };
const all = new AsyncDisposableStack();
let world: TestRooms;
/** Has the archives from the second on, and can be killed. */
let other: TestPostgres;
/** A room that lies in the first archive. */
let inFirst: Room;

beforeAll(async () => {
  [world, other] = await Promise.all([startTestRooms(config), startTestPostgres()]);
  all.use(world);
  all.use(other);
  await ensureDatabases(other.server.url('postgres'), ['gala_archive1', 'gala_archive2']);
  // Servers of tests forget what they did last; these tables are to stay when it is killed.
  const client = await other.sql.core().openClient();
  for (const name of ['gala_archive1', 'gala_archive2']) {
    await client.query(`alter database ${name} set synchronous_commit = on`);
  }
  await client.end();
}, 60_000);
afterAll(() => all.disposeAsync());

let cleanUp = new AsyncDisposableStack();
afterEach(async () => {
  await cleanUp.disposeAsync();
  cleanUp = new AsyncDisposableStack();
});

/** A process that was started with so many archives; its archiver works. */
async function restartWith(count: 1 | 2 | 3) {
  const added = ['gala_archive1', 'gala_archive2'].map((name) => other.server.url(name));
  const archives = [...world.postgres.urls.archives, ...added].slice(0, count);
  const urls: DatabaseUrls = { ...world.postgres.urls, archives };
  expect(await prepareArchives({ urls, sets: migrations, logger: other.logger })).toBe(true);
  const sql = await world.postgres.openSql(`room-with-${count}`, urls);
  const rooms = await openTestRooms(world.postgres, config, { sql, clock: world.clock });
  const metrics = createMetrics('archiver');
  const base = { processId: crypto.randomUUID(), clock: systemClock, logger: world.logger, metrics };
  const coord = cleanUp.use(await openPostgresCoord({ ...base, database: sql.core() }));
  cleanUp.use(new Archiver({ ...rooms, coord, metrics }));
  cleanUp.use(rooms);
  return { ...rooms, archiverMetrics: metrics };
}

async function ended(of: Pick<TestRooms, 'rooms'> = world): Promise<Room> {
  const { streamKey } = await makeHost(world);
  const { roomId } = await publish(world, streamKey);
  const room = await of.rooms.end(roomId, 'enough');
  world.clock.advance(10);
  return room;
}

async function placeOf({ roomId }: Room): Promise<number | undefined> {
  const text = 'select archived_week from room where shard = $1 and room_id = $2';
  const values = [shardOfRoom(roomId), roomId];
  const { pool } = world.sql.shard(values[0]);
  return (await pool.query<{ archived_week: number }>(text, values)).rows[0]?.archived_week;
}

async function countsOf({ sql }: Pick<TestRooms, 'sql'>, roomIds: readonly number[]): Promise<number[]> {
  const text = 'select count(*)::int as count from archived_room where room_id = any($1)';
  const answers = await Promise.all(
    sql.archives().map(({ pool }) => pool.query<{ count: number }>(text, [roomIds])),
  );
  return answers.map(({ rows }) => rows[0].count);
}

async function gauge(metrics: TestRooms['metrics'], name: string): Promise<number> {
  const found = [...(await metrics.text()).matchAll(new RegExp(`^${name}\\{.*\\} ([\\d.]+)$`, 'gm'))];
  return Math.max(0, ...found.map(([, value]) => Number(value)));
}

const readsFrom = ({ metrics }: Pick<TestRooms, 'metrics'>, from: string): Promise<number> =>
  gauge(metrics, `gala_room_reads_total(?=\\{[^}]*from="${from}")`);

test('archives are added without moving anything: the newest takes what ends, all are asked', async () => {
  const rooms: Room[] = [];
  const table: string[] = [];
  for (const count of [1, 2, 3] as const) {
    const process = await restartWith(count);
    const room = await ended();
    rooms.push(room);
    await expect.poll(() => placeOf(room), within).toBeGreaterThan(0);
    const counts = await countsOf(
      process,
      rooms.map(({ roomId }) => roomId),
    );
    expect(counts).toEqual(rooms.map(() => 1));
    const before = await readsFrom(process, 'archive');
    for (const each of rooms) expect(await process.reads.room(each.roomId)).toEqual(each);
    const reads = (await readsFrom(process, 'archive')) - before;
    expect(reads).toBe(count);
    table.push(`${count}        | ${counts.join(', ').padEnd(17)} | ${reads}`);
    await cleanUp.disposeAsync();
    cleanUp = new AsyncDisposableStack();
  }
  // A process that was not restarted knows the first archive alone, and has the shards.
  for (const each of rooms) expect(await world.reads.room(each.roomId)).toEqual(each);
  inFirst = rooms[0];
  console.log(['archives | rooms in each      | read from them', ...table].join('\n'));
}, 60_000);

test('with an archive down shows go on, the gap grows and is caught up with; what cannot be known is no 404', async () => {
  const process = await restartWith(3);
  const { archiverMetrics } = process;
  const kept = await ended();
  await expect.poll(() => placeOf(kept), within).toBeGreaterThan(0);
  other.server.onExit(() => undefined);
  globalThis.process.kill(other.server.pid, 'SIGKILL');
  const waiting = await Promise.all(Array.from({ length: 20 }, () => ended(process)));
  const oldest = () => gauge(archiverMetrics, 'gala_room_archive_gap_seconds');
  await expect
    .poll(() => gauge(archiverMetrics, 'gala_room_archive_rounds_failed_total'), within)
    .toBeGreaterThan(0);
  world.clock.advance(60_000);
  await expect.poll(oldest, within).toBeGreaterThanOrEqual(60);
  const gapRooms = await gauge(archiverMetrics, 'gala_room_archive_gap_rooms');
  expect(gapRooms).toBeGreaterThan(0);
  const { streamKey } = await makeHost(world);
  expect(await publish(world, streamKey)).toMatchObject({ state: 'live' });
  const gapReads = await readsFrom(process, 'gap');
  for (const room of waiting) expect(await process.reads.room(room.roomId)).toEqual(room);
  expect((await readsFrom(process, 'gap')) - gapReads).toBe(waiting.length);
  const archiveReads = await readsFrom(process, 'archive');
  expect(await process.reads.room(inFirst.roomId)).toEqual(inFirst);
  expect(await readsFrom(process, 'archive')).toBe(archiveReads + 1);
  // Archived where nobody answers, and still in its week.
  expect(await process.reads.room(kept.roomId)).toEqual(kept);
  const unknown = waiting[0].roomId + 1;
  await expect(process.reads.room(unknown)).rejects.toMatchObject({ code: 'UNAVAILABLE' });

  await other.start();
  const placed = async () => (await Promise.all(waiting.map(placeOf))).every((week) => (week ?? 0) > 0);
  await expect.poll(placed, within).toBe(true);
  await expect.poll(oldest, within).toBe(0);
  const ids = waiting.map(({ roomId }) => roomId);
  expect(await countsOf(process, ids)).toEqual([0, 0, 20]);
  await expect
    .poll(() => {
      world.clock.advance(5000);
      return process.reads.room(unknown).catch(() => 'unavailable');
    }, within)
    .toBeUndefined();
  console.log(
    [
      'archive killed | seen',
      'publishing     | goes on',
      'ended rooms    | found in the gap, 20 of 20',
      'other archives | answer',
      'unknown room   | UNAVAILABLE, not 404',
      `gap            | ${gapRooms} rooms in one database, oldest 60 s and more`,
      'back           | 20 of 20 archived once, gap 0',
    ].join('\n'),
  );
}, 90_000);

test('rooms whose weeks are gone are found again with the archive that has them', async () => {
  const process = await restartWith(3);
  const [room, recorded] = [await ended(), await ended()];
  const file = { startedAtMs: 5, format: 'mp4', folder: 'media', durationMs: 9, bytes: 9 } as const;
  await process.recordings.report({ ...file, roomId: recorded.roomId, state: 'done', reason: '' });
  await expect.poll(() => placeOf(recorded), within).toBeGreaterThan(0);
  await expect.poll(() => placeOf(room), within).toBeGreaterThan(0);
  world.clock.advance(40 * dayMs);
  await expect.poll(() => placeOf(room), within).toBeUndefined();
  await expect.poll(() => placeOf(recorded), within).toBeUndefined();
  await other.stop();
  await expect(process.reads.room(room.roomId)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await other.start();
  const found = () => {
    world.clock.advance(5000);
    return process.reads.room(room.roomId).catch(() => undefined);
  };
  await expect.poll(found, within).toEqual(room);
  expect(await process.rooms.present(room.hostId)).toEqual(room);
  const list = await process.recordings.ofHost(recorded.hostId, { limit: 10, beforeRoomId: 0 });
  expect(list).toMatchObject([{ room: recorded, recordings: [{ roomId: recorded.roomId, state: 'done' }] }]);
}, 60_000);

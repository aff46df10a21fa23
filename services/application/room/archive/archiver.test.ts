import { ensurePublication, type Change } from '@gala/lib/changes';
import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { createMetrics } from '@gala/lib/metrics';
import { shardOfRoom } from '@gala/protocol/ids';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { roomFeed, toldRoom } from '../ongoing/room-change.ts';
import type { Room } from '../room.ts';
import { confirmRooms, copyRooms, listGap } from '../store/archive.ts';
import { listWeeks, weekOf } from '../store/weeks.ts';
import { makeHost, publish, startTestRooms, type TestRooms } from '../testing.ts';
import { Archiver } from './archiver.ts';

const dayMs = 86_400_000;
const within = { timeout: 15_000, interval: 20 };
let world: TestRooms;

beforeAll(async () => {
  world = await startTestRooms({ archiveSettleMs: 1, archiveEveryMs: 20, weeksEveryMs: 20, readTtlMs: 1 });
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

let cleanUp = new AsyncDisposableStack();
afterEach(async () => {
  await cleanUp.disposeAsync();
  cleanUp = new AsyncDisposableStack();
});

async function startArchiver(parts: Partial<TestRooms> = {}) {
  const { sql, logger } = world;
  const processId = `room-${crypto.randomUUID()}`;
  const metrics = createMetrics(processId);
  const options = { database: sql.core(), processId, clock: systemClock, logger, metrics };
  const coord = cleanUp.use(await openPostgresCoord(options));
  const archiver = cleanUp.use(new Archiver({ ...world, ...parts, coord, metrics }));
  return { archiver, metrics };
}

async function ended(): Promise<Room> {
  const { streamKey } = await makeHost(world);
  const room = await publish(world, streamKey);
  const after = await world.rooms.end(room.roomId, 'enough');
  world.clock.advance(10);
  return after;
}

const poolOf = ({ roomId }: Room) => world.sql.shard(shardOfRoom(roomId)).pool;
const archivePools = () => world.sql.archives().map(({ pool }) => pool);

async function weekIn(room: Room): Promise<number | undefined> {
  const text = 'select archived_week from room where shard = $1 and room_id = $2';
  const { rows } = await poolOf(room).query<{ archived_week: number }>(text, [
    shardOfRoom(room.roomId),
    room.roomId,
  ]);
  return rows[0]?.archived_week;
}

/** How often each archive has a room. */
async function copiesOf({ roomId }: Room): Promise<number[]> {
  const text = 'select count(*)::int as count from archived_room where room_id = $1';
  const answers = await Promise.all(
    archivePools().map((pool) => pool.query<{ count: number }>(text, [roomId])),
  );
  return answers.map(({ rows }) => rows[0].count);
}

async function readsFrom(origin: string): Promise<number> {
  const text = await world.metrics.text();
  const pattern = new RegExp(`^gala_room_reads_total\\{.*from="${origin}".*\\} (\\d+)$`, 'm');
  return Number(pattern.exec(text)?.[1]);
}

/** Asks for a room as a viewer would, past what was kept of the last answer; where it came from. */
async function ask(roomId: number): Promise<{ room: Room | undefined; from: string[] }> {
  world.clock.advance(1000);
  const origins = ['ongoing', 'archive', 'gap', 'shard', 'none'];
  const before = await Promise.all(origins.map(readsFrom));
  const room = await world.reads.room(roomId);
  const after = await Promise.all(origins.map(readsFrom));
  return { room, from: origins.filter((_, index) => after[index] > before[index]) };
}

test('a room is asked for where it lies: on air, in the gap, in the archive, and after its week was dropped', async () => {
  const { streamKey, hostId } = await makeHost(world);
  const live = await publish(world, streamKey);
  const table: string[] = [];
  const note = (when: string, { from }: { from: string[] }): void => {
    table.push(`${when.padEnd(22)} | ${from.join(', ')}`);
  };
  const onAir = await ask(live.roomId);
  expect(onAir).toMatchObject({ room: { state: 'live' }, from: ['ongoing'] });
  note('on air', onAir);

  const room = await world.rooms.end(live.roomId, 'enough');
  const inGap = await ask(live.roomId);
  expect(inGap).toEqual({ room, from: ['gap'] });
  note('ended', inGap);

  const { archiver } = await startArchiver();
  await expect.poll(() => weekIn(room), within).toBe(weekOf(world.clock.nowMs()));
  expect(await copiesOf(room)).toEqual([1]);
  const archived = await ask(live.roomId);
  expect(archived).toEqual({ room, from: ['archive'] });
  note('copied', archived);

  world.clock.advance(40 * dayMs);
  await expect.poll(() => weekIn(room), within).toBeUndefined();
  const later = await ask(live.roomId);
  expect(later).toEqual({ room, from: ['archive'] });
  note('after the hot window', later);
  expect(await world.rooms.present(hostId)).toEqual(room);
  expect(await world.rooms.end(live.roomId, 'again')).toEqual(room);

  const unknown = await ask(live.roomId + 1);
  expect(unknown).toEqual({ room: undefined, from: ['none'] });
  note('never there', unknown);
  console.log(['asked for a room       | found in', ...table].join('\n'));
  await archiver[Symbol.asyncDispose]();
});

test('rooms on air and scheduled stay where they are, and an archive is only added to', async () => {
  const { streamKey } = await makeHost(world);
  const live = await publish(world, streamKey);
  const { hostId } = await makeHost(world);
  const scheduled = await world.rooms.schedule({ hostId, title: 'soon', visibility: undefined });
  const over = await ended();
  await startArchiver();
  await expect.poll(() => weekIn(over), within).toBeGreaterThan(0);
  expect(await weekIn(live)).toBe(0);
  expect(await weekIn(scheduled)).toBe(0);
  for (const room of [live, scheduled]) {
    const text = 'update room set archived_week = $1 where room_id = $2';
    const moving = poolOf(room).query(text, [weekOf(world.clock.nowMs()), room.roomId]);
    await expect(moving).rejects.toMatchObject({ constraint: 'has_ended' });
  }
  const [archive] = archivePools();
  await expect(archive.query(`update archived_room set title = ''`)).rejects.toThrow('only added to');
  await expect(archive.query('delete from archived_room')).rejects.toThrow('only added to');
});

test('a room that has ended changes no more, in its shard or in an archive', async () => {
  const room = await ended();
  const pool = poolOf(room);
  const rename = (text: string) => pool.query(text, [room.roomId]);
  await expect(rename(`update room set title = 'x' where room_id = $1`)).rejects.toThrow('has ended');
  await expect(rename(`update room set state = 'live' where room_id = $1`)).rejects.toThrow('has ended');
  const late = { ...room, edgeId: 'media-a', reportSequence: 9, event: 'stopped', reason: '' } as const;
  expect(await world.rooms.report(late)).toMatchObject({ order: 'stop' });
});

test('followers of the rooms are told that one has ended, and nothing when its row moves', async () => {
  const { streamKey } = await makeHost(world);
  const live = await publish(world, streamKey);
  const client = await world.sql.shard(shardOfRoom(live.roomId)).openClient();
  await ensurePublication(client, 'followed', roomFeed.tables);
  await client.query(`select pg_create_logical_replication_slot('followed', 'pgoutput', true)`);
  const ended = await world.rooms.end(live.roomId, 'enough');
  world.clock.advance(10);
  await startArchiver();
  await expect.poll(() => weekIn(ended), within).toBeGreaterThan(0);
  const text = `select data from pg_logical_slot_peek_binary_changes('followed', null, null, 'proto_version', '1',
    'publication_names', 'followed')`;
  const kinds = async (): Promise<string[]> => {
    const { rows } = await client.query<{ data: Buffer }>(text);
    return rows.map(({ data }) => String.fromCharCode(data[0]));
  };
  await expect.poll(kinds, within).toContain('D');
  expect((await kinds()).filter((kind) => kind === 'I' || kind === 'U')).toEqual(['U']);
  await client.end();
  expect(toldRoom({ kind: 'delete', row: {} } as Change)).toBeUndefined();
});

test('a worker that comes late, or comes twice, does no harm', async () => {
  const room = await ended();
  const [archive] = archivePools();
  const pool = poolOf(room);
  const asked = { endedBeforeMs: world.clock.nowMs(), limit: 1000 };
  const found = (await listGap(pool, asked)).filter(({ roomId }) => roomId === room.roomId);
  expect(found).toEqual([room]);
  await copyRooms(archive, found);
  await startArchiver();
  await expect.poll(() => weekIn(room), within).toBeGreaterThan(0);
  const week = await weekIn(room);
  expect(await copyRooms(archive, found)).toEqual(new Map([[room.roomId, room.version]]));
  expect(await confirmRooms(pool, found, week! + 1)).toBe(0);
  expect(await weekIn(room)).toBe(week);
  expect(await copiesOf(room)).toEqual([1]);
});

test('a row in the archive that is not the room is never taken for it', async () => {
  const room = await ended();
  const [archive] = archivePools();
  await copyRooms(archive, [{ ...room, version: room.version + 5 }]);
  const { metrics } = await startArchiver();
  await expect.poll(() => metrics.text(), within).toMatch(/gala_room_archive_rooms_differing_total\S* [1-9]/);
  expect(await weekIn(room)).toBe(0);
  await archive.query('alter table archived_room disable trigger all');
  await archive.query('delete from archived_room where room_id = $1', [room.roomId]);
  await archive.query('alter table archived_room enable trigger all');
  await expect.poll(() => weekIn(room), within).toBeGreaterThan(0);
});

test('a week whose rooms an archive has lost is copied again before it is dropped', async () => {
  const room = await ended();
  const { archiver } = await startArchiver();
  await expect.poll(() => weekIn(room), within).toBeGreaterThan(0);
  await archiver[Symbol.asyncDispose]();
  const [archive] = archivePools();
  await archive.query('alter table archived_room disable trigger all');
  await archive.query('delete from archived_room where room_id = $1', [room.roomId]);
  await archive.query('alter table archived_room enable trigger all');
  world.clock.advance(40 * dayMs);
  const { metrics } = await startArchiver();
  await expect.poll(() => weekIn(room), within).toBeUndefined();
  expect(await copiesOf(room)).toEqual([1]);
  expect(await metrics.text()).toMatch(/gala_room_archive_rooms_recopied_total\S* 1/);
});

test('weeks are made ahead, and none is dropped while a shard arrives', async () => {
  const room = await ended();
  await startArchiver();
  await expect.poll(() => weekIn(room), within).toBeGreaterThan(0);
  const week = (await weekIn(room))!;
  const pool = poolOf(room);
  expect(await listWeeks(pool)).toEqual(expect.arrayContaining([week, week + 1, week + 2]));
  await pool.query(`insert into shard_arrival (id, token, map_version, tables) values (7, 't', 1, '{}')`);
  world.clock.advance(40 * dayMs);
  const next = await ended();
  await expect.poll(() => weekIn(next), within).toBe(weekOf(world.clock.nowMs()));
  expect(await weekIn(room)).toBe(week);
  await pool.query('delete from shard_arrival');
  await expect.poll(() => weekIn(room), within).toBeUndefined();
});

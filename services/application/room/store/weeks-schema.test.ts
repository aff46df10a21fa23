import { coordMigrations } from '@gala/lib/coord';
import { prepareDatabases, type MigrationSet } from '@gala/lib/sql';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { composeRoomId, composeUserId } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertHosts } from '../ongoing/testing/random-rooms.ts';
import { migrations } from './schema.ts';
import { makeWeek } from './weeks.ts';

const before: MigrationSet[] = migrations.map((set) => ({
  ...set,
  migrations: Object.fromEntries(Object.entries(set.migrations).filter(([name]) => name < '0007')),
}));
const hostCount = 500;
const sessions = 20;
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations, ...before] });
}, 60_000);
afterAll(() => postgres[Symbol.asyncDispose]());

const fillText = `
  insert into room (shard, room_id, host_id, title, visibility, state, epoch, edge_id, created_at_ms, started_at_ms,
    key_frame_at_ms, held_at_ms, ended_at_ms, changed_at_ms, end_reason, report_sequence)
  select shard, host_id * 1048576 + session, host_id, 'show ' || session, 'public',
    case when session < $1::int then 'ended' else (array['live', 'hold', 'created', 'ended'])[1 + host_id % 4] end,
    1, 'media-1', session, session, 0, 0, session, session, '', -1
  from room_host, generate_series(1, $1::int) session`;

test('tables that are full get their weeks, with every row, index and rule', async () => {
  const [database] = postgres.sql.shards();
  const { pool } = database;
  const hostIds = Array.from({ length: hostCount }, (_, index) => composeUserId(1, index + 1));
  await insertHosts(database, hostIds);
  await pool.query(fillText, [sessions]);
  // As a version before has left it: the feed knows the columns of then.
  await pool.query('create publication gala_changes for table room (shard, room_id, state)');
  const digestText = `select state, count(*)::int as rooms, sum(room_id % 1000003)::int8 as ids, sum(version)::int as versions
    from room group by state order by state`;
  const { rows: filled } = await pool.query(digestText);
  expect(filled).toHaveLength(4);

  const sets = [coordMigrations, ...migrations];
  await prepareDatabases({ urls: postgres.urls, sets, logger: postgres.logger });
  expect((await pool.query(digestText)).rows).toEqual(filled);
  const { rows: parts } = await pool.query<{ weeks: number }>(
    'select count(*)::int as weeks from room where archived_week <> 0',
  );
  expect(parts).toEqual([{ weeks: 0 }]);

  // Rules and triggers hold for what was there before, and changes are no longer held up by the old publication.
  const onAir = hostIds.find((hostId) => hostId % 4 === 0)!;
  const present = composeRoomId(onAir, sessions);
  const changed = await pool.query(`update room set title = 'new' where room_id = $1 returning version`, [
    present,
  ]);
  expect(changed.rows).toEqual([{ version: 2 }]);
  const second = `insert into room select (jsonb_populate_record(room, jsonb_build_object('room_id', $2::bigint))).*
    from room where room_id = $1`;
  await expect(pool.query(second, [present, composeRoomId(onAir, sessions + 1)])).rejects.toMatchObject({
    code: '23505',
    constraint: 'room_present',
  });
  const stranger = `update room set host_id = 7 where room_id = $1`;
  await expect(pool.query(stranger, [present])).rejects.toMatchObject({ code: '23503' });
});

test('what is read all the time reads the current rooms alone, by their indexes', async () => {
  const { pool } = postgres.sql.shards()[0];
  await makeWeek(pool, 9);
  await pool.query('analyze room_current');
  const plans: Record<string, string> = {
    room_current_pkey: 'select from room where archived_week = 0 and shard = 5 and room_id = 7',
    room_on_air: `select from room where archived_week = 0 and state in ('live', 'hold') and shard = 9`,
    room_held: `select from room where archived_week = 0 and state = 'hold' order by held_at_ms limit 5`,
    room_gap: `select from room where archived_week = 0 and state = 'ended' order by ended_at_ms limit 5`,
    room_present: `select from room where archived_week = 0 and shard = 5 and host_id = 7 and state <> 'ended'`,
  };
  for (const [index, text] of Object.entries(plans)) {
    const { rows } = await pool.query<Record<string, string>>(`explain ${text}`);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain(index);
    expect(plan).not.toContain('room_week_9');
  }
});

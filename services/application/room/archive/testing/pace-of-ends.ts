import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { waitUntil } from '@gala/lib/lifecycle';
import { createMetrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { startTestPostgres } from '@gala/lib/sql/testing';
import { composeUserId, shardOfUser } from '@gala/protocol/ids';
import { readConfig, roomSection } from '../../config.ts';
import { byDatabase, insertHosts } from '../../ongoing/testing/random-rooms.ts';
import { migrations } from '../../store/schema.ts';
import { Archiver } from '../archiver.ts';

export interface EndsOptions {
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Archived {
  readonly ended: number;
  readonly archived: number;
  /** Rooms whose row is not in a week, once all is done. */
  readonly left: number;
  /** From the end of a room until it can be asked for in the archive. */
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
}

const roundMs = 50;

/** Rooms end at a pace and are archived with the settings of an installation. */
export async function measureArchiving({ perSecond, seconds }: EndsOptions): Promise<Archived> {
  await using postgres = await startTestPostgres({ sets: [coordMigrations, ...migrations] });
  const { sql, logger } = postgres;
  const total = perSecond * seconds;
  const hostIds = Array.from({ length: total }, (_, index) => composeUserId(1, index + 1));
  await seedLive(sql, hostIds);
  const metrics = createMetrics('archiver');
  const base = { processId: 'room-1', clock: systemClock, logger, metrics };
  await using coord = await openPostgresCoord({ ...base, database: sql.core() });
  const config = readConfig(loadSettings([roomSection], { env: {} }));
  await using _ = new Archiver({ ...base, sql, coord, config });
  const startMs = performance.now();
  for (let ended = 0; ended < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1000) * perSecond));
    await endAll(sql, hostIds.slice(ended, due));
    ended = due;
    await delay(roundMs);
  }
  const left = async (): Promise<number> => {
    const text = 'select count(*)::int as left from room where archived_week = 0';
    const answers = await Promise.all(sql.shards().map(({ pool }) => pool.query<{ left: number }>(text)));
    return answers.reduce((sum, { rows }) => sum + rows[0].left, 0);
  };
  await waitUntil(async () => (await left()) === 0, { timeoutMs: 60_000, what: 'all rooms in the archive' });
  const latencyText = `
    select count(*)::int as archived,
      percentile_cont(0.5) within group (order by late)::int as "latencyMsP50",
      percentile_cont(0.99) within group (order by late)::int as "latencyMsP99"
    from (select extract(epoch from archived_at) * 1000 - ended_at_ms as late from archived_room) rooms`;
  const { rows } = await sql.archives()[0].pool.query<Omit<Archived, 'ended' | 'left'>>(latencyText);
  return { ended: total, left: await left(), ...rows[0] };
}

async function seedLive(sql: Sql, hostIds: readonly number[]): Promise<void> {
  const text = `
    insert into room (shard, room_id, host_id, title, visibility, state, epoch, edge_id, created_at_ms, started_at_ms,
      key_frame_at_ms, held_at_ms, ended_at_ms, changed_at_ms, end_reason, report_sequence)
    select shard, host_id * 1048576 + 1, host_id, 'a show', 'public', 'live', 1, 'media-1', 1, 1, 1, 0, 0, 1, '', 1
    from room_host`;
  for (const [database, ids] of byDatabase(sql, hostIds)) {
    await insertHosts(database, ids);
    await database.pool.query(text);
  }
}

async function endAll(sql: Sql, hostIds: readonly number[]): Promise<void> {
  const text = `update room set state = 'ended', ended_at_ms = $3, edge_id = ''
    from unnest($1::smallint[], $2::bigint[]) as over (shard, host_id)
    where room.archived_week = 0 and room.shard = over.shard and room.host_id = over.host_id
      and room.state <> 'ended'`;
  const ends = [...byDatabase(sql, hostIds)].map(([{ pool }, ids]) =>
    pool.query(text, [ids.map(shardOfUser), ids, Date.now()]),
  );
  await Promise.all(ends);
}

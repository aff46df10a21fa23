import type { Database, Sql } from '@gala/lib/sql';
import { composeUserId, sessionCount } from '@gala/protocol/ids';
import { byDatabase, insertHosts } from './random-rooms.ts';

export interface SeedOptions {
  /** Rows of rooms, ended ones included; each host has ten. */
  readonly rooms: number;
  /** How many of them are on air, at most one a host. */
  readonly live: number;
}

const sessions = 10;
const hostsPerStatement = 5000;

/** Fills the databases as after weeks of broadcasts; the last session of some hosts is on air. Answers the hosts. */
export async function seedRooms(sql: Sql, { rooms, live }: SeedOptions): Promise<number[]> {
  const hostIds = Array.from({ length: Math.ceil(rooms / sessions) }, (_, index) =>
    composeUserId(2, index + 1),
  );
  const spread = [...byDatabase(sql, hostIds)];
  await Promise.all(spread.map(([database, ids]) => seedOne(database, ids, live / hostIds.length)));
  return hostIds;
}

async function seedOne(database: Database, hostIds: readonly number[], liveShare: number): Promise<void> {
  for (let at = 0; at < hostIds.length; at += hostsPerStatement) {
    await insertHosts(database, hostIds.slice(at, at + hostsPerStatement));
  }
  const client = await database.openClient(600_000);
  try {
    await client.query(`set session_replication_role = replica`);
    for (let session = 1; session <= sessions; session++) {
      await client.query(seedText, [session, session === sessions ? liveShare : 0, Date.now(), sessionCount]);
    }
    await client.query('set session_replication_role = default; analyze room; analyze room_host; checkpoint');
  } finally {
    await client.end();
  }
}

/** Which hosts are on air depends on their number alone, and lies evenly over the table. */
const seedText = `
  insert into room (shard, room_id, host_id, title, visibility, state, epoch, edge_id, created_at_ms, started_at_ms,
    key_frame_at_ms, held_at_ms, ended_at_ms, changed_at_ms, end_reason, report_sequence)
  select shard, host_id * $4::bigint + $1::int, host_id, 'the show of host ' || host_id || ' 夜の部', 'public',
    case when is_live then 'live' else 'ended' end, 1, case when is_live then 'media-' || host_id % 40 else '' end,
    now_ms, now_ms, now_ms, 0, case when is_live then 0 else now_ms end, now_ms, case when is_live then '' else 'stopped' end, 7
  from (select shard, host_id, $3::bigint as now_ms, (host_id * 7919) % 100000 < $2::float8 * 100000 as is_live from room_host) hosts`;

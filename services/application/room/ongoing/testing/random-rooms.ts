import { composeRoomId, composeUserId, shardOfUser } from '@gala/protocol/ids';
import type { Database, Sql } from '@gala/lib/sql';

interface TestHost {
  readonly hostId: number;
  sessions: number;
  isOnAir: boolean;
}

type Change = 'begin' | 'end' | 'hold' | 'resume' | 'title' | 'hide' | 'show';

const later: readonly Change[] = ['end', 'end', 'hold', 'resume', 'title', 'hide', 'show'];

/** Hosts that begin, change and end rooms by chance, in batches of one transaction for each database. */
export class RandomRooms {
  /** Changes that were committed. */
  changes = 0;
  readonly #sql: Sql;
  readonly #random: () => number;
  readonly #hosts: readonly TestHost[];

  private constructor(sql: Sql, random: () => number, hosts: readonly TestHost[]) {
    this.#sql = sql;
    this.#random = random;
    this.#hosts = hosts;
  }

  /** @param seed of what happens, not of when */
  static async open(sql: Sql, { seed, hosts }: { seed: number; hosts: number }): Promise<RandomRooms> {
    const hostIds = Array.from({ length: hosts }, (_, index) => composeUserId(1, index + 1));
    for (const [database, ids] of byDatabase(sql, hostIds)) await insertHosts(database, ids);
    return new RandomRooms(
      sql,
      randomOf(seed),
      hostIds.map((hostId) => ({ hostId, sessions: 0, isOnAir: false })),
    );
  }

  /** One change of `count` hosts each. A host whose database refuses stays as it was. */
  async batch(count: number): Promise<void> {
    const picked = new Set<TestHost>();
    while (picked.size < Math.min(count, this.#hosts.length)) {
      picked.add(this.#hosts[Math.floor(this.#random() * this.#hosts.length)]);
    }
    const plans = [...picked].map((host) => ({
      host,
      change: this.#plan(host),
      title: `show ${this.#random()}`,
    }));
    const spread = Map.groupBy(plans, ({ host }) => this.#sql.shard(shardOfUser(host.hostId)));
    await Promise.all([...spread].map(([database, planned]) => this.#apply(database, planned)));
  }

  #plan(host: TestHost): Change {
    return host.isOnAir ? later[Math.floor(this.#random() * later.length)] : 'begin';
  }

  async #apply(database: Database, plans: readonly { host: TestHost; change: Change; title: string }[]) {
    const begins = plans.filter(({ change }) => change === 'begin');
    const others = plans.filter(({ change }) => change !== 'begin');
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      const begun = begins.map(({ host }) => ({ ...host, sessions: host.sessions + 1 }));
      await client.query(beginText, [
        begun.map(({ hostId }) => shardOfUser(hostId)),
        begun.map(({ hostId, sessions }) => composeRoomId(hostId, sessions)),
        begun.map(({ hostId }) => hostId),
        begins.map(({ title }) => title),
        Date.now(),
      ]);
      await client.query(changeText, [
        others.map(({ host }) => shardOfUser(host.hostId)),
        others.map(({ host }) => composeRoomId(host.hostId, host.sessions)),
        others.map(({ change }) => change),
        others.map(({ title }) => title),
        Date.now(),
      ]);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
    for (const { host } of begins) {
      host.sessions++;
      host.isOnAir = true;
    }
    for (const { host, change } of others) if (change === 'end') host.isOnAir = false;
    this.changes += plans.length;
  }
}

const beginText = `
  insert into room (shard, room_id, host_id, title, visibility, state, epoch, edge_id, created_at_ms, started_at_ms,
    key_frame_at_ms, held_at_ms, ended_at_ms, changed_at_ms, end_reason, report_sequence)
  select shard, room_id, host_id, title, 'public', 'live', 1, 'media-' || room_id % 50, $5, $5, 0, 0, 0, $5, '', -1
  from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::text[]) as begun (shard, room_id, host_id, title)`;

const changeText = `
  update room set
    state = case change when 'end' then 'ended' when 'hold' then 'hold' when 'resume' then 'live' else state end,
    visibility = case change when 'hide' then 'private' when 'show' then 'public' else visibility end,
    title = case change when 'title' then told.title else room.title end,
    epoch = case change when 'resume' then epoch + 1 else epoch end,
    changed_at_ms = $5
  from unnest($1::smallint[], $2::bigint[], $3::text[], $4::text[]) as told (shard, room_id, change, title)
  where room.shard = told.shard and room.room_id = told.room_id and room.state <> 'ended'`;

export async function insertHosts({ pool }: Database, hostIds: readonly number[]): Promise<void> {
  await pool.query(
    `insert into room_host (shard, host_id, name, title, visibility, stream_key_hash, stream_key_version, session_count,
       created_at_ms)
     select shard, host_id, 'host' || host_id, '', 'public', '', 1, 0, 0
     from unnest($1::smallint[], $2::bigint[]) as made (shard, host_id)`,
    [hostIds.map(shardOfUser), hostIds],
  );
}

export function byDatabase(sql: Sql, hostIds: readonly number[]): Map<Database, number[]> {
  return Map.groupBy(hostIds, (hostId) => sql.shard(shardOfUser(hostId)));
}

/** Mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

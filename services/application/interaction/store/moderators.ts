import type { Sql } from '@gala/lib/sql';
import { shardOfUser } from '@gala/protocol/ids';

export interface Moderator {
  readonly userId: number;
  /** As it was when he became one. */
  readonly name: string;
  readonly sinceMs: number;
}

export const moderatorsMax = 200;

interface ModeratorRow {
  user_id: number;
  name: string;
  since_ms: number;
}

export async function listModerators(sql: Sql, hostId: number): Promise<Moderator[]> {
  const shard = shardOfUser(hostId);
  const { rows } = await sql.read(shard, (client) =>
    client.query<ModeratorRow>({
      name: 'interaction-list-moderators',
      text: `select user_id, name, since_ms from interaction_moderator
             where shard = $1 and host_id = $2 order by since_ms, user_id`,
      values: [shard, hostId],
    }),
  );
  return rows.map(({ user_id: userId, name, since_ms: sinceMs }) => ({ userId, name, sinceMs }));
}

export async function isModerator(sql: Sql, hostId: number, userId: number): Promise<boolean> {
  const shard = shardOfUser(hostId);
  const { rowCount } = await sql.read(shard, (client) =>
    client.query({
      name: 'interaction-is-moderator',
      text: 'select 1 from interaction_moderator where shard = $1 and host_id = $2 and user_id = $3',
      values: [shard, hostId, userId],
    }),
  );
  return rowCount === 1;
}

/** True also for who is one already; false when there are as many as may be. */
export async function addModerator(sql: Sql, hostId: number, moderator: Moderator): Promise<boolean> {
  const shard = shardOfUser(hostId);
  const { userId, name, sinceMs } = moderator;
  const { rows } = await sql.tx(shard, (client) =>
    client.query<{ is_one: boolean }>({
      name: 'interaction-add-moderator',
      text: `
        with added as (
          insert into interaction_moderator (shard, host_id, user_id, name, since_ms)
          select $1::smallint, $2::bigint, $3::bigint, $4::text, $5::bigint
          where (select count(*) from interaction_moderator where shard = $1 and host_id = $2) < ${moderatorsMax}
          on conflict do nothing returning 1
        )
        select exists (select 1 from added) or exists (
          select 1 from interaction_moderator where shard = $1 and host_id = $2 and user_id = $3) as is_one`,
      values: [shard, hostId, userId, name, sinceMs],
    }),
  );
  return rows[0].is_one;
}

export async function removeModerator(sql: Sql, hostId: number, userId: number): Promise<void> {
  const shard = shardOfUser(hostId);
  await sql.tx(shard, (client) =>
    client.query({
      name: 'interaction-remove-moderator',
      text: 'delete from interaction_moderator where shard = $1 and host_id = $2 and user_id = $3',
      values: [shard, hostId, userId],
    }),
  );
}

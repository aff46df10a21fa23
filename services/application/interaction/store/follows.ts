import type { Sql } from '@gala/lib/sql';
import { shardOfUser } from '@gala/protocol/ids';

const stripeCount = 16;

export interface Follow {
  readonly hostId: number;
  readonly userId: number;
}

/** Since when he follows: from before, when he did already. `isNew` for the first of them alone. */
export async function insertFollow(
  sql: Sql,
  { hostId, userId, nowMs }: Follow & { readonly nowMs: number },
): Promise<{ readonly followedAtMs: number; readonly isNew: boolean }> {
  const shard = shardOfUser(hostId);
  const { rows } = await sql.tx(shard, (client) =>
    client.query<{ followed_at_ms: number; is_new: boolean }>({
      name: 'interaction-follow',
      // An update that changes nothing makes the row of one who came first visible to this statement.
      text: `
        with made as (
          insert into interaction_follow as follow (shard, host_id, user_id, followed_at_ms) values ($1, $2, $3, $4)
          on conflict (shard, host_id, user_id) do update set followed_at_ms = follow.followed_at_ms
          returning followed_at_ms, xmax = 0 as is_new
        ), counted as (
          insert into interaction_follow_count as count (shard, host_id, stripe, followers)
          select $1, $2, $5, 1 from made where is_new
          on conflict (shard, host_id, stripe) do update set followers = count.followers + 1
        )
        select followed_at_ms, is_new from made`,
      values: [shard, hostId, userId, nowMs, userId % stripeCount],
    }),
  );
  return { followedAtMs: rows[0].followed_at_ms, isNew: rows[0].is_new };
}

export async function deleteFollow(sql: Sql, { hostId, userId }: Follow): Promise<void> {
  const shard = shardOfUser(hostId);
  await sql.tx(shard, (client) =>
    client.query({
      name: 'interaction-unfollow',
      text: `
        with gone as (
          delete from interaction_follow where shard = $1 and host_id = $2 and user_id = $3 returning 1
        )
        update interaction_follow_count set followers = followers - 1
        where shard = $1 and host_id = $2 and stripe = $4 and exists (select 1 from gone)`,
      values: [shard, hostId, userId, userId % stripeCount],
    }),
  );
}

/** Since when each of these users follows; who does not is not in it. */
export async function findFollows(
  sql: Sql,
  hostId: number,
  userIds: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const shard = shardOfUser(hostId);
  const { rows } = await sql.read(shard, (client) =>
    client.query<{ user_id: number; followed_at_ms: number }>({
      name: 'interaction-find-follows',
      text: `select user_id, followed_at_ms from interaction_follow
             where shard = $1 and host_id = $2 and user_id = any($3::bigint[])`,
      values: [shard, hostId, userIds],
    }),
  );
  return new Map(rows.map((row) => [row.user_id, row.followed_at_ms]));
}

export async function countFollowers(sql: Sql, hostId: number): Promise<number> {
  const shard = shardOfUser(hostId);
  const { rows } = await sql.read(shard, (client) =>
    client.query<{ followers: number }>({
      name: 'interaction-count-followers',
      text: `select coalesce(sum(followers), 0)::bigint as followers from interaction_follow_count
             where shard = $1 and host_id = $2`,
      values: [shard, hostId],
    }),
  );
  return rows[0].followers;
}

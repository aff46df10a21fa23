import type { Database } from '@gala/lib/sql';
import { shardOfRoom } from '@gala/protocol/ids';

/** What one edge has counted of one stream since it began there. */
export interface SourcePlays {
  readonly roomId: number;
  readonly source: string;
  readonly plays: number;
}

/**
 * Writes counts in one statement; a count never falls, so what comes late or twice changes nothing. Answers the rooms
 * whose shard is here: a shard that leaves at this moment may take the count before, which the next one makes good.
 */
export async function savePlays({ pool }: Database, counts: readonly SourcePlays[]): Promise<Set<number>> {
  const { rows } = await pool.query<{ room_id: number }>({
    name: 'room-save-plays',
    text: `with told as (
             select told.* from unnest($1::smallint[], $2::bigint[], $3::text[], $4::bigint[])
               as told (shard, room_id, source, plays)
             join shard_owner owner on owner.shard = told.shard
           ), saved as (
             insert into room_plays (shard, room_id, source, plays)
             select shard, room_id, source, plays from told order by shard, room_id, source
             on conflict (shard, room_id, source) do update set plays = excluded.plays
               where room_plays.plays < excluded.plays
           )
           select distinct room_id from told`,
    values: [
      counts.map(({ roomId }) => shardOfRoom(roomId)),
      counts.map(({ roomId }) => roomId),
      counts.map(({ source }) => source),
      counts.map(({ plays }) => plays),
    ],
  });
  return new Set(rows.map((row) => row.room_id));
}

/** Counts of rooms of one database; a room without any is not among them. */
export async function sumPlays({ pool }: Database, roomIds: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await pool.query<{ room_id: number; plays: number }>({
    name: 'room-sum-plays',
    text: `select room_id, sum(plays)::bigint as plays
           from room_plays join unnest($1::smallint[], $2::bigint[]) as asked (shard, room_id) using (shard, room_id)
           group by room_id`,
    values: [roomIds.map(shardOfRoom), roomIds],
  });
  return new Map(rows.map((row) => [row.room_id, row.plays]));
}

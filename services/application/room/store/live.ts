import { shardOfRoom } from '@gala/protocol/ids';
import type { Connection } from './connection.ts';
import type { Room } from '../room.ts';
import { roomColumns, roomOf, roomTables, type RoomRow } from './rooms.ts';

/** Every room on air that one of these edges owns, and those of `roomIds` that are on air anywhere. */
export async function listOfEdges(
  db: Connection,
  edgeIds: readonly string[],
  roomIds: readonly number[] = [],
): Promise<Room[]> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-list-of-edges',
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = 0 and room.state in ('live', 'hold') and room.edge_id = any($1::text[])
           union
           select ${roomColumns} from ${roomTables}
           join unnest($2::smallint[], $3::bigint[]) as copied (shard, room_id)
             on room.shard = copied.shard and room.room_id = copied.room_id
           where room.archived_week = 0 and room.state in ('live', 'hold')`,
    values: [edgeIds, roomIds.map(shardOfRoom), roomIds],
  });
  return rows.map(roomOf);
}

/** What the edges of a room count at one moment. */
export interface ViewerCount {
  readonly roomId: number;
  readonly epoch: number;
  readonly viewers: number;
}

/** Writes viewer counts of one database in one statement, but those of an older epoch and of rooms that have ended. */
export async function saveViewers(db: Connection, counts: readonly ViewerCount[]): Promise<void> {
  if (counts.length === 0) return;
  await db.query({
    name: 'room-save-viewers',
    text: `insert into room_viewers (shard, room_id, viewers)
           select report.shard, report.room_id, report.viewers
           from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::integer[])
             as report (shard, room_id, epoch, viewers)
           join room on room.shard = report.shard and room.room_id = report.room_id
             and room.archived_week = 0 and room.epoch = report.epoch and room.state in ('live', 'hold')
           order by report.shard, report.room_id
           on conflict (shard, room_id) do update set viewers = excluded.viewers`,
    values: [
      counts.map(({ roomId }) => shardOfRoom(roomId)),
      counts.map(({ roomId }) => roomId),
      counts.map(({ epoch }) => epoch),
      counts.map(({ viewers }) => viewers),
    ],
  });
}

/** Counts of rooms that ended while they were written. */
export async function dropViewersOfEnded(db: Connection): Promise<void> {
  await db.query({
    name: 'room-drop-viewers',
    text: `delete from room_viewers watched where not exists (
             select from room where room.archived_week = 0 and room.shard = watched.shard
               and room.room_id = watched.room_id and room.state in ('live', 'hold'))`,
  });
}

/** Edges that own a room on air. Jumps from edge to edge in the index, so it does not grow with the rooms. */
export async function listOwningEdges(db: Connection): Promise<string[]> {
  const { rows } = await db.query<{ edge_id: string }>({
    name: 'room-list-owning-edges',
    text: `
      with recursive owner as (
        (select edge_id from room where archived_week = 0 and state in ('live', 'hold') order by edge_id limit 1)
        union all
        select (select next.edge_id from room next
                where next.archived_week = 0 and next.state in ('live', 'hold') and next.edge_id > owner.edge_id
                order by next.edge_id limit 1)
        from owner where owner.edge_id is not null
      )
      select edge_id from owner where edge_id is not null`,
  });
  return rows.map((row) => row.edge_id);
}

export async function listLiveOfEdges(
  db: Connection,
  edgeIds: readonly string[],
  limit: number,
): Promise<Room[]> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-list-live-of-edges',
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = 0 and room.state in ('live', 'hold') and room.state = 'live' and room.edge_id = any($1::text[])
           limit $2`,
    values: [edgeIds, limit],
  });
  return rows.map(roomOf);
}

export async function listHeldBefore(db: Connection, beforeMs: number, limit: number): Promise<Room[]> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-list-held-before',
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = 0 and room.state = 'hold' and room.held_at_ms <= $1 order by room.held_at_ms limit $2`,
    values: [beforeMs, limit],
  });
  return rows.map(roomOf);
}

/** Times before which a room that has not begun is given up. */
export interface ScheduleLimits {
  /** Of its making, when it has no time to begin. */
  readonly createdMs: number;
  readonly startsMs: number;
}

export async function listScheduledBefore(
  db: Connection,
  { createdMs, startsMs }: ScheduleLimits,
  limit: number,
): Promise<Room[]> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-list-scheduled-before',
    text: `(select ${roomColumns} from ${roomTables}
            where room.archived_week = 0 and room.state = 'created' and room.starts_at_ms = 0
              and room.created_at_ms <= $1 order by room.created_at_ms limit $3)
           union all
           (select ${roomColumns} from ${roomTables}
            where room.archived_week = 0 and room.state = 'created' and room.starts_at_ms > 0
              and room.starts_at_ms <= $2 order by room.starts_at_ms limit $3)`,
    values: [createdMs, startsMs, limit],
  });
  return rows.map(roomOf);
}

/** Public rooms that are to begin after a time, the soonest first. */
export async function listComing(db: Connection, afterMs: number, limit: number): Promise<Room[]> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-list-coming',
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = 0 and room.state = 'created' and room.visibility = 'public'
             and room.starts_at_ms > $1
           order by room.starts_at_ms, room.room_id limit $2`,
    values: [afterMs, limit],
  });
  return rows.map(roomOf);
}

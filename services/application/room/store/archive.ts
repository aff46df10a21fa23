import { shardOfRoom } from '@gala/protocol/ids';
import type { Room } from '../room.ts';
import type { Connection } from './connection.ts';
import { roomOf, roomTables, roomColumns, type RoomRow } from './rooms.ts';

/** As `RoomRow` names them. */
const archivedColumns = [
  'room_id',
  'host_id',
  'host_name',
  'title',
  'visibility',
  'state',
  'epoch',
  'edge_id',
  'created_at_ms',
  'started_at_ms',
  'key_frame_at_ms',
  'held_at_ms',
  'ended_at_ms',
  'changed_at_ms',
  'end_reason',
  'viewers',
  'report_sequence',
  'video_codec',
  'audio_codec',
  'renditions',
  'area_id',
  'starts_at_ms',
  'version',
].join(', ');

/** What waits for the archive in a shard database, the oldest first. */
export async function listGap(
  db: Connection,
  { endedBeforeMs, limit }: { readonly endedBeforeMs: number; readonly limit: number },
): Promise<Room[]> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-list-gap',
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = 0 and room.state = 'ended' and room.ended_at_ms <= $1
           order by room.ended_at_ms limit $2`,
    values: [endedBeforeMs, limit],
  });
  return rows.map(roomOf);
}

/** How many rooms wait in a shard database, counted up to `max`. */
export async function countGap(db: Connection, max: number): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: 'room-count-gap',
    text: `select count(*)::int as count from (
             select from room where archived_week = 0 and state = 'ended' limit $1) waiting`,
    values: [max],
  });
  return rows[0].count;
}

/** What is confirmed has outlived a crash, whatever the archive's own setting. */
const durable = `set_config('synchronous_commit',
  case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, true)`;

/**
 * Adds rooms to an archive, those that are there already stay as they are. Answers the versions that are there, by
 * id, read after the commit.
 */
export async function copyRooms(
  archive: Connection,
  rooms: readonly Room[],
): Promise<ReadonlyMap<number, number>> {
  await archive.query({
    name: 'archive-copy',
    text: `insert into archived_room (${archivedColumns})
           select ${archivedColumns} from ${durable}, jsonb_populate_recordset(null::archived_room, $1)
           on conflict (room_id) do nothing`,
    values: [JSON.stringify(rooms.map(rowOf))],
  });
  return findArchivedVersions(
    archive,
    rooms.map(({ roomId }) => roomId),
  );
}

export async function findArchivedVersions(
  archive: Connection,
  roomIds: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const { rows } = await archive.query<{ room_id: number; version: number }>({
    name: 'archive-versions',
    text: 'select room_id, version from archived_room where room_id = any($1::bigint[])',
    values: [roomIds],
  });
  return new Map(rows.map((row) => [row.room_id, row.version]));
}

/** Rooms of one archive by id. */
export async function findArchived(archive: Connection, roomIds: readonly number[]): Promise<Room[]> {
  const { rows } = await archive.query<RoomRow>({
    name: 'archive-find',
    text: `select ${archivedColumns} from archived_room where room_id = any($1::bigint[])`,
    values: [roomIds],
  });
  return rows.map(roomOf);
}

/** Puts rooms that are in an archive into a week, unless that was done. Answers how many it put there. */
export async function confirmRooms(db: Connection, rooms: readonly Room[], week: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'room-confirm-archived',
    text: `update room set archived_week = $1
           from unnest($2::smallint[], $3::bigint[], $4::bigint[]) as copied (shard, room_id, version)
           where room.archived_week = 0 and room.state = 'ended' and room.shard = copied.shard
             and room.room_id = copied.room_id and room.version = copied.version`,
    values: [
      week,
      rooms.map(({ roomId }) => shardOfRoom(roomId)),
      rooms.map(({ roomId }) => roomId),
      rooms.map(({ version }) => version),
    ],
  });
  return rowCount ?? 0;
}

function rowOf(room: Room): RoomRow {
  return {
    room_id: room.roomId,
    host_id: room.hostId,
    host_name: room.hostName,
    title: room.title,
    visibility: room.visibility,
    state: room.state,
    epoch: room.epoch,
    edge_id: room.edgeId,
    created_at_ms: room.createdAtMs,
    started_at_ms: room.startedAtMs,
    key_frame_at_ms: room.keyFrameAtMs,
    held_at_ms: room.heldAtMs,
    ended_at_ms: room.endedAtMs,
    changed_at_ms: room.changedAtMs,
    end_reason: room.endReason,
    viewers: room.viewers ?? 0,
    report_sequence: room.reportSequence,
    video_codec: room.videoCodec,
    audio_codec: room.audioCodec,
    renditions: room.renditions,
    area_id: room.areaId,
    starts_at_ms: room.startsAtMs,
    version: room.version,
  };
}

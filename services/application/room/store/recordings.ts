import { composeRoomId, sessionCount, shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import type { Connection } from './connection.ts';
import type { Room } from '../room.ts';
import type { Recording, RecordingFormat, RecordingState } from '../recordings.ts';
import { roomColumns, roomOf, roomTables, type RoomRow } from './rooms.ts';

const names = ['room_id', 'started_at_ms', 'format', 'folder', 'duration_ms', 'bytes', 'state', 'reason'];
const columns = names.map((name) => `recording.${name}`).join(', ');

interface RecordingRow {
  room_id: number;
  started_at_ms: number;
  format: RecordingFormat;
  folder: string;
  duration_ms: number;
  bytes: number;
  state: RecordingState;
  reason: string;
}

/** What was removed stays so, and what has ended does not begin again; `removing` waits for `removed`. */
export async function saveRecording(db: Connection, recording: Recording): Promise<void> {
  const { roomId, startedAtMs, format, folder, durationMs, bytes, state, reason } = recording;
  await db.query({
    name: 'recording-save',
    text: `
      insert into recording (shard, ${names.join(', ')})
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      on conflict (shard, room_id, started_at_ms, format) do update set
        folder = excluded.folder, duration_ms = excluded.duration_ms, bytes = excluded.bytes,
        reason = excluded.reason,
        state = case when recording.state = 'removing' and excluded.state <> 'removed'
          then 'removing' else excluded.state end
      where recording.state = 'recording' or recording.state <> 'removed' and excluded.state <> 'recording'`,
    values: [shardOfRoom(roomId), roomId, startedAtMs, format, folder, durationMs, bytes, state, reason],
  });
}

/** What of a room can be replayed, in the order of time. */
export async function listRecordings(db: Connection, roomId: number): Promise<Recording[]> {
  const { rows } = await db.query<RecordingRow>({
    name: 'recording-list',
    text: `select ${columns} from recording
           where shard = $1 and room_id = $2 and state in ('recording', 'done', 'failed')
           order by started_at_ms, format`,
    values: [shardOfRoom(roomId), roomId],
  });
  return rows.map(recordingOf);
}

export interface RecordedPage {
  readonly limit: number;
  /** 0 for the newest. */
  readonly beforeRoomId: number;
}

/** What a host has recorded in one room. */
export interface FoundRecordings {
  readonly roomId: number;
  /** Undefined when its row has left for the archive. */
  readonly room: Room | undefined;
  readonly recordings: readonly Recording[];
}

/** Newest rooms first. */
export async function listHostRecordings(
  db: Connection,
  hostId: number,
  { limit, beforeRoomId }: RecordedPage,
): Promise<FoundRecordings[]> {
  const last = composeRoomId(hostId, sessionCount - 1);
  const { rows } = await db.query<RecordingRow & { room: RoomRow | null }>({
    name: 'recording-list-host',
    text: `
      with recorded as (
        select distinct room_id from recording
        where shard = $1 and room_id between $2 and $3 and state in ('recording', 'done', 'failed')
        order by room_id desc limit $4
      )
      select ${columns}, case when shown.room_id is not null then to_jsonb(shown) end as room
      from recorded join recording on recording.shard = $1 and recording.room_id = recorded.room_id
      left join lateral (
        select ${roomColumns} from ${roomTables} where room.shard = $1 and room.room_id = recorded.room_id
      ) shown on true
      where recording.state in ('recording', 'done', 'failed')
      order by recorded.room_id desc, recording.started_at_ms, recording.format`,
    values: [
      shardOfUser(hostId),
      composeRoomId(hostId, 0),
      beforeRoomId > 0 ? Math.min(last, beforeRoomId - 1) : last,
      limit,
    ],
  });
  const rooms = Map.groupBy(rows, (row) => row.room_id);
  return [...rooms].map(([roomId, found]) => ({
    roomId,
    room: found[0].room ? roomOf(found[0].room) : undefined,
    recordings: found.map(recordingOf),
  }));
}

/** Answers how many files it hides. */
export async function hideRecordings(db: Connection, roomId: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'recording-hide',
    text: `update recording set state = 'removing'
           where shard = $1 and room_id = $2 and state in ('recording', 'done', 'failed')`,
    values: [shardOfRoom(roomId), roomId],
  });
  return rowCount ?? 0;
}

export async function listRemovals(db: Connection, folder: string, limit: number): Promise<Recording[]> {
  const { rows } = await db.query<RecordingRow>({
    name: 'recording-list-removals',
    text: `select ${columns} from recording where folder = $1 and state = 'removing' limit $2`,
    values: [folder, limit],
  });
  return rows.map(recordingOf);
}

function recordingOf(row: RecordingRow): Recording {
  return {
    roomId: row.room_id,
    startedAtMs: row.started_at_ms,
    format: row.format,
    folder: row.folder,
    durationMs: row.duration_ms,
    bytes: row.bytes,
    state: row.state,
    reason: row.reason,
  };
}

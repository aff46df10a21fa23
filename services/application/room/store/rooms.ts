import { invariant } from '@gala/lib/error';
import { composeRoomId, sessionCount, shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import type { Connection, FoundRows, Transaction } from './connection.ts';
import type { Room, Visibility } from '../room.ts';
import type { RoomState } from '../state.ts';

/** Columns of a room with the name of its host; `from` belongs to them. */
export const roomColumns = `
  room.room_id, room.host_id, host.name as host_name, room.title, room.visibility, room.state, room.epoch,
  room.edge_id, room.created_at_ms, room.started_at_ms, room.key_frame_at_ms, room.held_at_ms,
  room.ended_at_ms, room.changed_at_ms, room.end_reason,
  case when room.state in ('live', 'hold') then watched.viewers else 0 end as viewers, room.report_sequence,
  room.video_codec, room.audio_codec, room.renditions, room.area_id, room.starts_at_ms, room.version`;
export const roomTables = `
  room join room_host host on host.shard = room.shard and host.host_id = room.host_id
  left join room_viewers watched on watched.shard = room.shard and watched.room_id = room.room_id`;

export interface RoomRow {
  room_id: number;
  host_id: number;
  host_name: string;
  title: string;
  visibility: Visibility;
  state: RoomState;
  epoch: number;
  edge_id: string;
  created_at_ms: number;
  started_at_ms: number;
  key_frame_at_ms: number;
  held_at_ms: number;
  ended_at_ms: number;
  changed_at_ms: number;
  end_reason: string;
  viewers: number | null;
  report_sequence: number;
  video_codec: string;
  audio_codec: string;
  renditions: string;
  area_id: string;
  starts_at_ms: number;
  version: number;
}

export async function findRoom(db: Connection, roomId: number): Promise<Room | undefined> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-find',
    text: `select ${roomColumns} from ${roomTables} where room.shard = $1 and room.room_id = $2`,
    values: [shardOfRoom(roomId), roomId],
  });
  return rows[0] && roomOf(rows[0]);
}

/** Many rooms of one database: those that are current in one statement, and the weeks only for what is not there. */
export async function findRooms(db: Connection, roomIds: readonly number[]): Promise<FoundRows<Room>> {
  const { found, elsewhere } = await findRoomsIn(db, 'current', roomIds);
  const missing = roomIds.filter((roomId) => !found.has(roomId) && !elsewhere.includes(roomId));
  if (missing.length === 0) return { found, elsewhere };
  const older = await findRoomsIn(db, 'weeks', missing);
  return { found: new Map([...found, ...older.found]), elsewhere: [...elsewhere, ...older.elsewhere] };
}

async function findRoomsIn(
  db: Connection,
  part: 'current' | 'weeks',
  roomIds: readonly number[],
): Promise<FoundRows<Room>> {
  const { rows } = await db.query<RoomRow & { asked_id: number; is_owned: boolean }>({
    name: `room-find-many-${part}`,
    text: `select asked.room_id as asked_id, owner.shard is not null as is_owned, ${roomColumns}
           from unnest($1::smallint[], $2::bigint[]) as asked (shard, room_id)
           left join shard_owner owner on owner.shard = asked.shard
           left join (${roomTables}) on room.shard = asked.shard and room.room_id = asked.room_id
             and room.archived_week ${part === 'current' ? '= 0' : '> 0'}`,
    values: [roomIds.map(shardOfRoom), roomIds],
  });
  const here = rows.filter((row) => row.is_owned && row.room_id !== null);
  return {
    found: new Map(here.map((row) => [row.room_id, roomOf(row)])),
    elsewhere: rows.filter((row) => !row.is_owned).map((row) => row.asked_id),
  };
}

/**
 * One that has ended changes no more and is not locked: the archiver may be moving its row, and whoever waits for a
 * row that goes to another partition gets an error.
 */
export async function lockRoom(client: Transaction, roomId: number): Promise<Room | undefined> {
  const { rows } = await client.query<RoomRow>({
    name: 'room-lock',
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = 0 and room.shard = $1 and room.room_id = $2 and room.state <> 'ended'
           for update of room`,
    values: [shardOfRoom(roomId), roomId],
  });
  if (rows.length > 0) return roomOf(rows[0]);
  const room = await findRoom(client, roomId);
  return room?.state === 'ended' ? room : undefined;
}

/** The host's room that has not ended, locked. */
export async function lockPresentRoom(client: Transaction, hostId: number): Promise<Room | undefined> {
  const { rows } = await client.query<RoomRow>({
    name: 'room-lock-present',
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = 0 and room.shard = $1 and room.host_id = $2 and room.state <> 'ended'
           for update of room`,
    values: [shardOfUser(hostId), hostId],
  });
  return rows[0] && roomOf(rows[0]);
}

/** The host's room that has not ended, else the last one that has, unless it has left for the archive. */
export async function findPresentRoom(db: Connection, hostId: number): Promise<Room | undefined> {
  const { rows } = await db.query<RoomRow>({
    name: 'room-find-present',
    text: `
      select * from (
        (select ${roomColumns} from ${roomTables}
         where room.archived_week = 0 and room.shard = $1 and room.host_id = $2 and room.state <> 'ended')
        union all
        (select ${roomColumns} from ${roomTables}
         where room.shard = $1 and room.room_id between $3 and $4 order by room.room_id desc limit 1)
      ) found order by state = 'ended' limit 1`,
    values: [shardOfUser(hostId), hostId, composeRoomId(hostId, 0), composeRoomId(hostId, sessionCount - 1)],
  });
  return rows[0] && roomOf(rows[0]);
}

/** Answers the room as it is stored. */
export async function insertRoom(client: Transaction, room: Room): Promise<Room> {
  const stored = { ...room, version: 1 };
  await client.query({
    name: 'room-insert',
    text: `
      insert into room (shard, room_id, host_id, title, visibility, state, epoch, edge_id, created_at_ms,
        started_at_ms, key_frame_at_ms, held_at_ms, ended_at_ms, changed_at_ms, end_reason, report_sequence,
        video_codec, audio_codec, renditions, area_id, starts_at_ms, version)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22)`,
    values: [
      shardOfRoom(room.roomId),
      room.roomId,
      room.hostId,
      room.title,
      room.visibility,
      room.state,
      room.epoch,
      room.edgeId,
      room.createdAtMs,
      room.startedAtMs,
      room.keyFrameAtMs,
      room.heldAtMs,
      room.endedAtMs,
      room.changedAtMs,
      room.endReason,
      room.reportSequence,
      room.videoCodec,
      room.audioCodec,
      room.renditions,
      room.areaId,
      room.startsAtMs,
      stored.version,
    ],
  });
  return stored;
}

/** A room as it was read and as it shall be; applied only while the row is still what was read. */
export interface RoomChange {
  readonly before: Room;
  readonly after: Room;
}

type ColumnOfChange = readonly [name: string, type: string, read: (change: RoomChange) => string | number];

const changeColumns: readonly ColumnOfChange[] = [
  ['shard', 'smallint', ({ after }) => shardOfRoom(after.roomId)],
  ['room_id', 'bigint', ({ after }) => after.roomId],
  ['version_before', 'bigint', ({ before }) => before.version],
  ['title', 'text', ({ after }) => after.title],
  ['visibility', 'text', ({ after }) => after.visibility],
  ['state', 'text', ({ after }) => after.state],
  ['epoch', 'bigint', ({ after }) => after.epoch],
  ['edge_id', 'text', ({ after }) => after.edgeId],
  ['started_at_ms', 'bigint', ({ after }) => after.startedAtMs],
  ['key_frame_at_ms', 'bigint', ({ after }) => after.keyFrameAtMs],
  ['held_at_ms', 'bigint', ({ after }) => after.heldAtMs],
  ['ended_at_ms', 'bigint', ({ after }) => after.endedAtMs],
  ['changed_at_ms', 'bigint', ({ after }) => after.changedAtMs],
  ['end_reason', 'text', ({ after }) => after.endReason],
  ['report_sequence', 'bigint', ({ after }) => after.reportSequence],
  ['video_codec', 'text', ({ after }) => after.videoCodec],
  ['audio_codec', 'text', ({ after }) => after.audioCodec],
  ['renditions', 'text', ({ after }) => after.renditions],
  ['area_id', 'text', ({ after }) => after.areaId],
  ['starts_at_ms', 'bigint', ({ after }) => after.startsAtMs],
];

const saveText = `
  with saved as (
    update room set ${changeColumns
      .slice(3)
      .map(([name]) => `${name} = change.${name}`)
      .join(', ')}
    from unnest(${changeColumns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})
      as change (${changeColumns.map(([name]) => name).join(', ')})
    where room.archived_week = 0 and room.shard = change.shard and room.room_id = change.room_id
      and room.version = change.version_before
    returning room.shard, room.room_id, room.version, room.state
  ), unwatched as (
    delete from room_viewers watched using saved
    where saved.state = 'ended' and watched.shard = saved.shard and watched.room_id = saved.room_id
  )
  select room_id, version from saved`;

/**
 * Applies changes in one statement, each guarded by the version it was made for. Answers the new versions of those
 * applied, by id. Viewers are counted apart (`saveViewers`), but a room that ends has none.
 */
export async function saveRooms(
  db: Connection,
  changes: readonly RoomChange[],
): Promise<ReadonlyMap<number, number>> {
  if (changes.length === 0) return new Map();
  const values = changeColumns.map(([, , read]) => changes.map(read));
  const { rows } = await db.query<{ room_id: number; version: number }>({
    name: 'room-save',
    text: saveText,
    values,
  });
  return new Map(rows.map((row) => [row.room_id, row.version]));
}

/** Writes a room that this transaction has locked; answers it as it is stored. */
export async function saveLocked(client: Transaction, before: Room, after: Room): Promise<Room> {
  if (after === before) return before;
  const version = (await saveRooms(client, [{ before, after }])).get(after.roomId);
  invariant(version !== undefined, 'a locked room does not change under its transaction');
  return { ...after, version };
}

export function roomOf(row: RoomRow): Room {
  return {
    roomId: row.room_id,
    hostId: row.host_id,
    hostName: row.host_name,
    title: row.title,
    visibility: row.visibility,
    state: row.state,
    epoch: row.epoch,
    edgeId: row.edge_id,
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms,
    keyFrameAtMs: row.key_frame_at_ms,
    heldAtMs: row.held_at_ms,
    endedAtMs: row.ended_at_ms,
    changedAtMs: row.changed_at_ms,
    endReason: row.end_reason,
    viewers: row.viewers ?? undefined,
    reportSequence: row.report_sequence,
    videoCodec: row.video_codec,
    audioCodec: row.audio_codec,
    renditions: row.renditions,
    areaId: row.area_id,
    startsAtMs: row.starts_at_ms,
    version: row.version,
  };
}

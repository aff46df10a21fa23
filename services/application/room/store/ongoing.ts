import { setImmediate as nextTurn } from 'node:timers/promises';
import { copyBinary, type BytesColumn, type CopiedTable, type Database } from '@gala/lib/sql';
import { shardCount, shardOfRoom } from '@gala/protocol/ids';
import type { OngoingRow } from '../ongoing/room-table.ts';

/** Rows that are taken over in one piece, so that a scan never holds up the loop. */
const rowsPerTurn = 2048;

const columns = {
  roomId: 'int8',
  version: 'int8',
  epoch: 'int8',
  startedAtMs: 'int8',
  isHeld: 'bool',
  isPublic: 'bool',
  edgeId: 'bytes',
  areaId: 'bytes',
  title: 'bytes',
} as const;

/** Connections of one scan. */
const selectCount = 2;
const selects = Array.from(
  { length: selectCount },
  (_, part) => `
    select room_id, version, epoch, started_at_ms, state = 'hold', visibility = 'public', edge_id, area_id, title
    from room where archived_week = 0 and state in ('live', 'hold') and shard % ${selectCount} = ${part}`,
);

/**
 * Visits every room on air in a database, in one snapshot; the row is one object, filled anew for each visit. Answers
 * the shards that the database owns there: a room of theirs that was not visited was not on air, and a room of others
 * is none of its business.
 */
export async function scanOnAir(database: Database, visit: (row: OngoingRow) => void): Promise<number[]> {
  const { parts, shards } = await copyBinary(database, { selects, columns });
  const isOwned = new Uint8Array(shardCount);
  for (const shard of shards) isOwned[shard] = 1;
  for (const part of parts) await visitRows(part, isOwned, visit);
  return [...shards];
}

async function visitRows(
  { rows, columns: of }: CopiedTable<typeof columns>,
  isOwned: Uint8Array,
  visit: (row: OngoingRow) => void,
): Promise<void> {
  const row: OngoingRow = {
    roomId: 0,
    version: 0,
    epoch: 0,
    startedAtMs: 0,
    isHeld: false,
    isPublic: false,
    edgeId: '',
    areaId: '',
    title: Buffer.alloc(0),
  };
  for (let index = 0; index < rows; index++) {
    if (index % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
    row.roomId = of.roomId[index];
    if (isOwned[shardOfRoom(row.roomId)] === 0) continue;
    row.version = of.version[index];
    row.epoch = of.epoch[index];
    row.startedAtMs = of.startedAtMs[index];
    row.isHeld = of.isHeld[index] === 1;
    row.isPublic = of.isPublic[index] === 1;
    row.edgeId = textAt(of.edgeId, index);
    row.areaId = textAt(of.areaId, index);
    row.title = of.title.bytes.subarray(of.title.offsets[index], of.title.offsets[index + 1]);
    visit(row);
  }
}

function textAt({ bytes, offsets }: BytesColumn, index: number): string {
  return bytes.toString('utf8', offsets[index], offsets[index + 1]);
}

const countBytes = 12;

/** Viewers of all rooms of a database that have any, as one value: half a megabyte of rows would cost ten times as much. */
export async function scanViewers(
  { pool }: Database,
  visit: (roomId: number, viewers: number) => void,
): Promise<void> {
  const { rows } = await pool.query<{ counts: Buffer | null }>({
    name: 'room-scan-viewers',
    text: `select string_agg(int8send(room_id) || int4send(viewers), ''::bytea) as counts from room_viewers`,
  });
  const counts = rows[0].counts ?? Buffer.alloc(0);
  for (let at = 0; at < counts.length; at += countBytes) {
    const roomId = counts.readUInt32BE(at) * 2 ** 32 + counts.readUInt32BE(at + 4);
    visit(roomId, counts.readInt32BE(at + 8));
  }
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from '@gala/lib/sql';
import type { OngoingRow } from '../ongoing/room-table.ts';

/** Rows that are taken over in one piece, so that a scan never holds up the loop. */
const rowsPerTurn = 2048;

type ScannedRow = [
  roomId: number,
  version: number,
  epoch: number,
  startedAtMs: number,
  isHeld: boolean,
  isPublic: boolean,
  edgeId: string,
  title: string,
];

/**
 * Visits every room on air in the shards that the database owns, in one snapshot. Answers these shards: a room of
 * theirs that was not visited was not on air.
 */
export async function scanOnAir({ pool }: Database, visit: (row: OngoingRow) => void): Promise<number[]> {
  const client = await pool.connect();
  let isBroken = true;
  try {
    await client.query('begin isolation level repeatable read read only');
    const owned = await client.query<{ shard: number }>('select shard from shard_owner');
    const { rows } = await client.query<ScannedRow>({
      name: 'room-scan-on-air',
      rowMode: 'array',
      text: `select room_id, version, epoch, started_at_ms, state = 'hold', visibility = 'public', edge_id, title
             from room where state in ('live', 'hold') and shard in (select shard from shard_owner)`,
    });
    await client.query('commit');
    isBroken = false;
    await visitRows(rows, visit);
    return owned.rows.map(({ shard }) => shard);
  } finally {
    client.release(isBroken);
  }
}

async function visitRows(rows: readonly ScannedRow[], visit: (row: OngoingRow) => void): Promise<void> {
  for (let index = 0; index < rows.length; index++) {
    const [roomId, version, epoch, startedAtMs, isHeld, isPublic, edgeId, title] = rows[index];
    const bytes = Buffer.from(title);
    visit({ roomId, version, epoch, startedAtMs, isHeld, isPublic, edgeId, title: bytes });
    if (index % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
  }
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

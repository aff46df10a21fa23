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
 * Visits every room on air in a database, in one snapshot; the row is one object, another one at each visit. Answers
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
  table: CopiedTable<typeof columns>,
  isOwned: Uint8Array,
  visit: (row: OngoingRow) => void,
): Promise<void> {
  const row = new ScannedRow(table.columns);
  for (; row.index < table.rows; row.index++) {
    if (row.index % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
    if (isOwned[shardOfRoom(row.roomId)] === 1) visit(row);
  }
}

/** The row at `index`. Texts are read when they are asked for: of most rows only the version is. */
class ScannedRow implements OngoingRow {
  index = 0;
  readonly #of: CopiedTable<typeof columns>['columns'];

  constructor(of: CopiedTable<typeof columns>['columns']) {
    this.#of = of;
  }

  get roomId(): number {
    return this.#of.roomId[this.index];
  }

  get version(): number {
    return this.#of.version[this.index];
  }

  get epoch(): number {
    return this.#of.epoch[this.index];
  }

  get startedAtMs(): number {
    return this.#of.startedAtMs[this.index];
  }

  get isHeld(): boolean {
    return this.#of.isHeld[this.index] === 1;
  }

  get isPublic(): boolean {
    return this.#of.isPublic[this.index] === 1;
  }

  get edgeId(): string {
    return bytesAt(this.#of.edgeId, this.index).toString();
  }

  get areaId(): string {
    return bytesAt(this.#of.areaId, this.index).toString();
  }

  get title(): Uint8Array {
    return bytesAt(this.#of.title, this.index);
  }
}

function bytesAt({ bytes, offsets }: BytesColumn, index: number): Buffer {
  return bytes.subarray(offsets[index], offsets[index + 1]);
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

import { setImmediate as nextTurn } from 'node:timers/promises';
import { copyBinary, type BytesColumn, type CopiedTable, type Database } from '@gala/lib/sql';
import { shardCount, shardOfRoom } from '@gala/protocol/ids';
import { sql, type Transaction } from 'kysely';
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

const isOnAir = `archived_week = 0 and state in ('live', 'hold')`;
/** Connections of one scan. */
const selectCount = 2;
const selects = Array.from(
  { length: selectCount },
  (_, part) => `
    select room_id, version, epoch, started_at_ms, state = 'hold', visibility = 'public', edge_id, area_id, title
    from room where ${isOnAir} and shard % ${selectCount} = ${part}`,
);

/**
 * Visits every room on air in a database, in one snapshot; the row is one object, another one at each visit. Answers
 * 1 for each shard that the database owns there: a room of theirs that was not visited was not on air, and a room of others
 * is none of its business.
 */
export async function scanOnAir(database: Database, visit: (row: OngoingRow) => void): Promise<Uint8Array> {
  const { parts, shards } = await copyBinary(database, { selects, columns });
  const isOwned = maskOf(shards);
  for (const part of parts) await visitRows(part, isOwned, visit);
  return isOwned;
}

function maskOf(shards: readonly number[]): Uint8Array {
  const mask = new Uint8Array(shardCount);
  for (const shard of shards) mask[shard] = 1;
  return mask;
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

/** Logical shards whose versions one statement reads: none takes long, however many rooms there are. */
const shardsPerStatement = shardCount / 8;
/** Rooms that one statement reads by their ids. */
const idsPerStatement = 1000;

/**
 * The same for who knows most of them: `knows` is asked of every room on air and its version, and the rows of those
 * that it does not know are visited. A third of the time of
 * `scanOnAir`, on one connection.
 */
export async function scanChanged(
  database: Database,
  knows: (roomId: number, version: number) => boolean,
  visit: (row: OngoingRow) => void,
): Promise<Uint8Array> {
  const snapshots = database.kysely
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only');
  return snapshots.execute(async (snapshot) => {
    const { rows } = await sql<{ shard: number }>`select shard from shard_owner`.execute(snapshot);
    const isOwned = maskOf(rows.map(({ shard }) => shard));
    for (let first = 0; first < shardCount; first += shardsPerStatement) {
      const unknown = await unknownOf(await readVersions(snapshot, first), isOwned, knows);
      for (let at = 0; at < unknown.length; at += idsPerStatement) {
        for (const row of await readRows(snapshot, unknown.slice(at, at + idsPerStatement))) visit(row);
      }
    }
    return isOwned;
  });
}

const versionBytes = 16;

/** Ids and versions of rooms on air as one value: so many rows would cost ten times as much. */
async function readVersions(snapshot: Transaction<unknown>, first: number): Promise<Buffer> {
  const { rows } = await sql<{ versions: Buffer | null }>`
    select string_agg(int8send(room_id) || int8send(version), ''::bytea) as versions from room
    where ${sql.raw(isOnAir)} and shard between ${first} and ${first + shardsPerStatement - 1}
  `.execute(snapshot);
  return rows[0].versions ?? Buffer.alloc(0);
}

async function unknownOf(
  versions: Buffer,
  isOwned: Uint8Array,
  knows: (roomId: number, version: number) => boolean,
): Promise<number[]> {
  const unknown: number[] = [];
  for (let at = 0; at < versions.length; at += versionBytes) {
    if (at % (rowsPerTurn * versionBytes) === 0) await nextTurn();
    const roomId = readInt8(versions, at);
    if (isOwned[shardOfRoom(roomId)] === 1 && !knows(roomId, readInt8(versions, at + 8)))
      unknown.push(roomId);
  }
  return unknown;
}

async function readRows(snapshot: Transaction<unknown>, roomIds: readonly number[]): Promise<OngoingRow[]> {
  const { rows } = await sql<Omit<OngoingRow, 'title'> & { title: string }>`
    select room_id as "roomId", version, epoch, started_at_ms as "startedAtMs", state = 'hold' as "isHeld",
      visibility = 'public' as "isPublic", edge_id as "edgeId", area_id as "areaId", title
    from unnest(${roomIds.map(shardOfRoom)}::smallint[], ${roomIds}::bigint[]) as wanted (shard, room_id)
      join room using (shard, room_id) where ${sql.raw(isOnAir)}
  `.execute(snapshot);
  return rows.map((row) => ({ ...row, title: Buffer.from(row.title) }));
}

/** A `bigint` that is no more than 53 bits, as `int8send` writes it. */
function readInt8(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
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
    visit(readInt8(counts, at), counts.readInt32BE(at + 8));
  }
}

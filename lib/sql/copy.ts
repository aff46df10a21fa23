import { Buffer } from 'node:buffer';
import type { Client } from 'pg';
import { CodedError, invariant } from '../error/index.ts';
import { sqlErrors } from './errors.ts';
import { Frames } from './frames.ts';
import { toSqlError } from './pool.ts';
import type { Database } from './types.ts';

/** How a column's binary form is kept: `bigint`, `integer`, `smallint`, `boolean`, and `text` or `bytea`. */
export type CopyType = 'int8' | 'int4' | 'int2' | 'bool' | 'bytes';
export type CopyColumns = Readonly<Record<string, CopyType>>;

/** Values of a text column end to end: value `row` is `bytes[offsets[row] .. offsets[row + 1])`. */
export interface BytesColumn {
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
}

interface CopyArrays {
  int8: Float64Array;
  int4: Int32Array;
  int2: Int16Array;
  bool: Uint8Array;
  bytes: BytesColumn;
}

/** One select's answer, column by column. */
export interface CopiedTable<Columns extends CopyColumns> {
  readonly rows: number;
  readonly columns: { readonly [Name in keyof Columns]: CopyArrays[Columns[Name]] };
}

export interface CopyOptions<Columns extends CopyColumns> {
  /** Select lists in the order of `columns`, never null; each runs on a connection of its own, at once with the others. */
  readonly selects: readonly string[];
  readonly columns: Columns;
  /** What one select may bring, 256 MiB unless told. */
  readonly bytesMax?: number;
  /** For each select, on the server; 30 s unless told. */
  readonly timeoutMs?: number;
}

export interface Copied<Columns extends CopyColumns> {
  /** In the order of the selects. */
  readonly parts: readonly CopiedTable<Columns>[];
  /** Logical shards that the database owned in the snapshot that all selects share. */
  readonly shards: readonly number[];
}

const connectionsMax = 8;
const bytesMaxDefault = 256 * 1024 * 1024;
const timeoutMsDefault = 30_000;
const rowsFirst = 1024;

/**
 * Reads selects by `COPY … TO STDOUT (FORMAT BINARY)` into typed arrays: no object per row, text stays bytes.
 * All of them see one snapshot. A scan over all databases has every room if their `shards` together are all shards
 * (`coversAllShards`); if one was on its way between two databases, scan again.
 * Errors: those of the pool, COPY_TOO_LARGE, COPY_MALFORMED (a null, or a column of another type).
 */
export async function copyBinary<Columns extends CopyColumns>(
  database: Database,
  options: CopyOptions<Columns>,
): Promise<Copied<Columns>> {
  const { selects, timeoutMs = timeoutMsDefault } = options;
  invariant(selects.length >= 1 && selects.length <= connectionsMax, `1 to ${connectionsMax} selects`);
  const opened = await Promise.allSettled(['', ...selects].map(() => database.openClient(timeoutMs)));
  const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    const failed = opened.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    const [leader, ...others] = clients;
    const { snapshot, shards } = await exportSnapshot(leader);
    const parts = await Promise.all(
      others.map((client, i) => copyOne(client, { ...options, select: selects[i], snapshot })),
    );
    return { parts, shards };
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

/** True when every logical shard was owned by exactly one of the databases that were scanned. */
export function coversAllShards(
  scans: readonly { readonly shards: readonly number[] }[],
  count: number,
): boolean {
  const owned = new Set(scans.flatMap(({ shards }) => shards));
  return owned.size === count && scans.reduce((sum, { shards }) => sum + shards.length, 0) === count;
}

async function exportSnapshot(client: Client): Promise<{ snapshot: string; shards: number[] }> {
  await client.query('begin isolation level repeatable read read only');
  const { rows } = await client.query<{ snapshot: string; shards: number[] | null }>(
    `select pg_export_snapshot() as snapshot, (select array_agg(shard) from shard_owner) as shards`,
  );
  return { snapshot: rows[0].snapshot, shards: rows[0].shards ?? [] };
}

interface CopyOneOptions<Columns extends CopyColumns> extends CopyOptions<Columns> {
  readonly select: string;
  readonly snapshot: string;
}

async function copyOne<Columns extends CopyColumns>(
  client: Client,
  {
    select,
    snapshot,
    columns,
    bytesMax = bytesMaxDefault,
    timeoutMs = timeoutMsDefault,
  }: CopyOneOptions<Columns>,
): Promise<CopiedTable<Columns>> {
  await client.query(
    `begin isolation level repeatable read read only; set transaction snapshot '${snapshot}'`,
  );
  const table = new TableBuilder(columns, bytesMax);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const frames = new Frames(client, `copy (${select}) to stdout (format binary)`, {
    onData: (bytes, start, end) => table.read(bytes, start, end),
    onEnd: (error) => (error ? reject(toSqlError(error)) : resolve()),
  });
  // The server keeps its own limit; this is for one that has gone silent.
  const silent = setTimeout(() => frames.destroy(new Error('Query read timeout')), timeoutMs * 1.25).unref();
  try {
    await promise;
  } finally {
    clearTimeout(silent);
  }
  return table.finish();
}

/** Grows by doubling up to its bound; `view` is what is in use. */
interface ColumnBuilder {
  /** Takes the value at `bytes[at..at + length)` as that of `row`. */
  put(row: number, bytes: Buffer, at: number): void;
  /** Bytes that every value has; -1 when they differ. */
  readonly width: number;
  grow(rows: number): void;
  finish(rows: number): CopyArrays[CopyType];
}

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const fileHeaderBytes = 19;

class TableBuilder<Columns extends CopyColumns> {
  readonly #names: readonly string[];
  readonly #columns: readonly ColumnBuilder[];
  readonly #bytesMax: number;
  #bytes = 0;
  #rows = 0;
  #capacity = rowsFirst;
  #isBegun = false;
  #isEnded = false;

  constructor(columns: Columns, bytesMax: number) {
    this.#names = Object.keys(columns);
    this.#columns = Object.values(columns).map((type) => builders[type]());
    this.#bytesMax = bytesMax;
  }

  /** PostgreSQL sends each row as a message of its own, the header before the first and the trailer last. */
  read(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > this.#bytesMax) {
      throw new CodedError(sqlErrors, 'COPY_TOO_LARGE', { detail: `more than ${this.#bytesMax} bytes` });
    }
    let at = this.#isBegun ? start : this.#begin(bytes, start, end);
    while (at < end) at = this.#row(bytes, at, end);
  }

  finish(): CopiedTable<Columns> {
    if (!this.#isEnded) throw malformed('no trailer');
    const finished = this.#columns.map((column, i) => [this.#names[i], column.finish(this.#rows)] as const);
    return { rows: this.#rows, columns: Object.fromEntries(finished) as CopiedTable<Columns>['columns'] };
  }

  #begin(bytes: Buffer, start: number, end: number): number {
    const isWhole = end - start >= fileHeaderBytes;
    if (!isWhole || signature.compare(bytes, start, start + signature.length) !== 0)
      throw malformed('header');
    this.#isBegun = true;
    return start + fileHeaderBytes + bytes.readUInt32BE(start + 15);
  }

  #row(bytes: Buffer, start: number, end: number): number {
    const count = end - start < 2 ? NaN : bytes.readInt16BE(start);
    if (count === -1) {
      this.#isEnded = true;
      return end;
    }
    if (count !== this.#columns.length) throw malformed(`${count} columns of ${this.#columns.length}`);
    if (this.#rows === this.#capacity) this.#grow();
    let at = start + 2;
    for (let i = 0; i < count; i++) {
      const length = at + 4 <= end ? bytes.readInt32BE(at) : -1;
      const { width } = this.#columns[i];
      const isFit = length >= 0 && at + 4 + length <= end && (width === -1 || width === length);
      if (!isFit) throw malformed(`column ${this.#names[i]} of row ${this.#rows} has ${length} bytes`);
      this.#columns[i].put(
        this.#rows,
        width === -1 ? bytes.subarray(at + 4, at + 4 + length) : bytes,
        at + 4,
      );
      at += 4 + length;
    }
    this.#rows++;
    return at;
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const column of this.#columns) column.grow(this.#capacity);
  }
}

type Numbers = Float64Array | Int32Array | Int16Array | Uint8Array;

class NumberBuilder<Kind extends Numbers> implements ColumnBuilder {
  readonly width: number;
  readonly #make: (rows: number) => Kind;
  readonly #read: (bytes: Buffer, at: number) => number;
  #values: Kind;

  constructor(width: number, make: (rows: number) => Kind, read: (bytes: Buffer, at: number) => number) {
    this.width = width;
    this.#make = make;
    this.#read = read;
    this.#values = make(rowsFirst);
  }

  put(row: number, bytes: Buffer, at: number): void {
    this.#values[row] = this.#read(bytes, at);
  }

  grow(rows: number): void {
    const grown = this.#make(rows);
    grown.set(this.#values);
    this.#values = grown;
  }

  finish(rows: number): Kind {
    return this.#values.subarray(0, rows) as Kind;
  }
}

class BytesBuilder implements ColumnBuilder {
  readonly width = -1;
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #offsets = new Uint32Array(rowsFirst + 1);
  #end = 0;

  put(row: number, value: Buffer): void {
    const end = this.#end + value.length;
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#end);
      this.#bytes = grown;
    }
    value.copy(this.#bytes, this.#end);
    this.#end = end;
    this.#offsets[row + 1] = end;
  }

  grow(rows: number): void {
    const grown = new Uint32Array(rows + 1);
    grown.set(this.#offsets);
    this.#offsets = grown;
  }

  finish(rows: number): BytesColumn {
    return { bytes: this.#bytes.subarray(0, this.#end), offsets: this.#offsets.subarray(0, rows + 1) };
  }
}

/** Ids are 53 bits: the halves add up without a BigInt. */
function readInt8(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
}

const builders: Readonly<Record<CopyType, () => ColumnBuilder>> = {
  int8: () => new NumberBuilder(8, (rows) => new Float64Array(rows), readInt8),
  int4: () =>
    new NumberBuilder(
      4,
      (rows) => new Int32Array(rows),
      (bytes, at) => bytes.readInt32BE(at),
    ),
  int2: () =>
    new NumberBuilder(
      2,
      (rows) => new Int16Array(rows),
      (bytes, at) => bytes.readInt16BE(at),
    ),
  bool: () =>
    new NumberBuilder(
      1,
      (rows) => new Uint8Array(rows),
      (bytes, at) => bytes[at],
    ),
  bytes: () => new BytesBuilder(),
};

function malformed(detail: string): CodedError {
  return new CodedError(sqlErrors, 'COPY_MALFORMED', { detail });
}

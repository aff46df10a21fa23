import { CodedError } from '../error/index.ts';
import { changeErrors } from './errors.ts';

/** `undefined`: a large value that the update did not touch and the server did not read. */
export type Value = string | number | boolean | Buffer | null | undefined;
export type Row = readonly Value[];

export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  /** Part of the replica identity. */
  readonly isKey: boolean;
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly RelationColumn[];
}

/** Positions in the WAL and times are numbers: below 2^53. */
export type Message =
  | { readonly kind: 'begin'; readonly commitLsn: number; readonly committedAtMs: number }
  | { readonly kind: 'commit'; readonly commitLsn: number; readonly endLsn: number }
  | { readonly kind: 'insert'; readonly relation: Relation; readonly row: Row }
  | { readonly kind: 'update'; readonly relation: Relation; readonly row: Row; readonly old: Row | undefined }
  | { readonly kind: 'delete'; readonly relation: Relation; readonly old: Row }
  | { readonly kind: 'truncate'; readonly relations: readonly Relation[] }
  | { readonly kind: 'logical'; readonly prefix: string; readonly content: Buffer }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'other' };

export interface DecoderOptions {
  /** `text`: every value as the server writes it; `typed`: numbers and booleans as such, bytea as a Buffer. */
  readonly values: 'text' | 'typed';
}

const relationsMax = 4096;
const postgresEpochMs = 946_684_800_000;
const other: Message = { kind: 'other' };

/**
 * Decodes `pgoutput`, protocol version 1 (PostgreSQL documentation, "Logical Replication Message Formats").
 * Relations are remembered from their descriptions, so a decoder belongs to one connection. What it answers
 * shares no memory with its input. Errors: CHANGES_MALFORMED.
 */
export class PgoutputDecoder {
  readonly #relations = new Map<number, Relation>();
  readonly #isTyped: boolean;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor({ values }: DecoderOptions) {
    this.#isTyped = values === 'typed';
  }

  /** One message: `bytes[start..end)`. */
  decode(bytes: Buffer, start: number, end: number): Message {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    const message = this.#message(this.#byte());
    if (this.#at !== end) throw malformed(`${end - this.#at} bytes after the message`);
    return message;
  }

  #message(type: number): Message {
    switch (type) {
      case 0x42: // B
        return this.#begin();
      case 0x43: // C
        return this.#commit();
      case 0x49: // I
        return this.#insert();
      case 0x55: // U
        return this.#update();
      case 0x44: // D
        return this.#delete();
      case 0x52: // R
        return this.#describe();
      case 0x54: // T
        return this.#truncate();
      case 0x4d: // M
        return this.#logical();
      case 0x4f: // O: where a forwarded transaction began
      case 0x59: // Y: the name of a type of a user's own
        this.#at = this.#end;
        return other;
      default:
        throw malformed(`type ${type}`);
    }
  }

  #begin(): Message {
    const commitLsn = this.#int64();
    const committedAtMs = Math.floor(this.#int64() / 1000) + postgresEpochMs;
    this.#skip(4);
    return { kind: 'begin', commitLsn, committedAtMs };
  }

  #commit(): Message {
    this.#skip(1);
    const commitLsn = this.#int64();
    const endLsn = this.#int64();
    this.#skip(8);
    return { kind: 'commit', commitLsn, endLsn };
  }

  #insert(): Message {
    const relation = this.#relation();
    this.#expect(this.#byte(), 0x4e);
    return { kind: 'insert', relation, row: this.#tuple(relation) };
  }

  #update(): Message {
    const relation = this.#relation();
    let type = this.#byte();
    const old = isOld(type) ? this.#tuple(relation) : undefined;
    if (old) type = this.#byte();
    this.#expect(type, 0x4e);
    return { kind: 'update', relation, row: this.#tuple(relation), old };
  }

  #delete(): Message {
    const relation = this.#relation();
    const type = this.#byte();
    if (!isOld(type)) throw malformed(`tuple ${type}`);
    return { kind: 'delete', relation, old: this.#tuple(relation) };
  }

  #describe(): Message {
    const oid = this.#int32();
    const schema = this.#text();
    const name = this.#text();
    this.#skip(1);
    const count = this.#count(8);
    const columns: RelationColumn[] = [];
    for (let i = 0; i < count; i++) {
      const isKey = (this.#byte() & 1) === 1;
      columns.push({ isKey, name: this.#text(), typeOid: this.#int32() });
      this.#skip(4);
    }
    const relation: Relation = { oid, schema, name, columns };
    if (this.#relations.size >= relationsMax) throw malformed(`more than ${relationsMax} relations`);
    this.#relations.set(oid, relation);
    return { kind: 'relation', relation };
  }

  #truncate(): Message {
    const count = this.#int32();
    this.#skip(1);
    if (count * 4 > this.#end - this.#at) throw malformed(`${count} relations truncated`);
    return { kind: 'truncate', relations: Array.from({ length: count }, () => this.#relation()) };
  }

  #logical(): Message {
    this.#skip(9);
    const prefix = this.#text();
    const length = this.#int32();
    const start = this.#skip(length);
    return { kind: 'logical', prefix, content: Buffer.from(this.#bytes.subarray(start, this.#at)) };
  }

  #tuple({ columns }: Relation): Row {
    const count = this.#count(1);
    if (count !== columns.length) throw malformed(`${count} values for ${columns.length} columns`);
    const row: Value[] = [];
    for (let i = 0; i < count; i++) row.push(this.#value(columns[i].typeOid));
    return row;
  }

  #value(typeOid: number): Value {
    switch (this.#byte()) {
      case 0x6e: // n
        return null;
      case 0x75: // u
        return undefined;
      case 0x74: {
        // t
        const start = this.#skip(this.#int32());
        if (!this.#isTyped) return this.#bytes.toString('utf8', start, this.#at);
        return this.#typed(typeOid, start);
      }
      default:
        throw malformed('kind of value');
    }
  }

  /** Everything that has no form of its own here (numeric, json, arrays) stays the server's text. */
  #typed(typeOid: number, start: number): Value {
    const bytes = this.#bytes;
    const end = this.#at;
    switch (typeOid) {
      case 16: // bool
        return bytes[start] === 0x74;
      case 20: // int8
      case 21: // int2
      case 23: // int4
      case 26: // oid
        return readInteger(bytes, start, end);
      case 700: // float4
      case 701: // float8
        return Number(bytes.toString('latin1', start, end));
      case 17: // bytea, as \x and hexadecimal digits
        return Buffer.from(bytes.toString('latin1', start + 2, end), 'hex');
      default:
        return bytes.toString('utf8', start, end);
    }
  }

  #relation(): Relation {
    const oid = this.#int32();
    const relation = this.#relations.get(oid);
    if (!relation) throw malformed(`relation ${oid} is not described`);
    return relation;
  }

  /** A count of things that take at least `bytes` each, so that a lie costs no memory. */
  #count(bytes: number): number {
    const start = this.#skip(2);
    const count = this.#bytes.readUInt16BE(start);
    if (count * bytes > this.#end - this.#at) throw malformed(`a count of ${count}`);
    return count;
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)];
  }

  #int32(): number {
    return this.#bytes.readUInt32BE(this.#skip(4));
  }

  #int64(): number {
    const start = this.#skip(8);
    const value = this.#bytes.readUInt32BE(start) * 4_294_967_296 + this.#bytes.readUInt32BE(start + 4);
    if (!Number.isSafeInteger(value)) throw malformed('a number above 2^53');
    return value;
  }

  #text(): string {
    const stop = this.#bytes.indexOf(0, this.#at);
    if (stop === -1 || stop >= this.#end) throw malformed('text without an end');
    const text = this.#bytes.toString('utf8', this.#at, stop);
    this.#at = stop + 1;
    return text;
  }

  #expect(value: number, wanted: number): void {
    if (value !== wanted) throw malformed(`${value} for ${wanted}`);
  }

  /** Answers where the bytes that were skipped begin. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw malformed('too short');
    this.#at = start + length;
    return start;
  }
}

const isOld = (type: number): boolean => type === 0x4b || type === 0x4f;

/** Digits are added up where they lie; what is no safe integer is refused, never rounded. */
function readInteger(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === 0x2d;
  let value = 0;
  for (let at = isNegative ? start + 1 : start; at < end; at++) {
    const digit = bytes[at] - 0x30;
    if (digit < 0 || digit > 9) throw malformed('an integer');
    value = value * 10 + digit;
  }
  if (value > Number.MAX_SAFE_INTEGER) throw malformed('an integer above 2^53');
  return isNegative ? -value : value;
}

function malformed(detail: string): CodedError {
  return new CodedError(changeErrors, 'CHANGES_MALFORMED', { detail });
}

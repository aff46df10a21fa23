import { Mp4Error } from './errors.ts';

const HEADER_BYTES = 8;
const LARGE_HEADER_BYTES = 16;
const USER_TYPE_BYTES = 16;
/** Boxes in one container that are looked at; more are malformed input. */
const BOXES_MAX = 4096;

/** What the first bytes of a box say. */
export interface BoxHeader {
  type: string;
  /** 8, or 16 with a 64-bit size, and 16 more for a `uuid` box. */
  headerBytes: number;
  /** Header and body; undefined for a box that reaches to the end of the file. */
  sizeBytes: number | undefined;
}

/** A box within a Buffer that holds all of it. */
export interface Box {
  type: string;
  /** Header and body. */
  bytes: Buffer;
  body: Buffer;
}

/**
 * Reads the header of the box at `offset`, which is all that is needed to step through a file; undefined while
 * bytes are missing. Errors: `MP4_BOX_INVALID`.
 */
export function readBoxHeader(bytes: Buffer, offset = 0): BoxHeader | undefined {
  const left = bytes.length - offset;
  if (left < HEADER_BYTES) return undefined;
  const size = bytes.readUInt32BE(offset);
  const type = bytes.toString('latin1', offset + 4, offset + HEADER_BYTES);
  const isLarge = size === 1;
  if (isLarge && left < LARGE_HEADER_BYTES) return undefined;
  const headerBytes = (isLarge ? LARGE_HEADER_BYTES : HEADER_BYTES) + (type === 'uuid' ? USER_TYPE_BYTES : 0);
  if (size === 0) return { type, headerBytes, sizeBytes: undefined };
  const sizeBytes = isLarge ? Number(bytes.readBigUInt64BE(offset + HEADER_BYTES)) : size;
  if (sizeBytes < headerBytes || !Number.isSafeInteger(sizeBytes)) {
    throw new Mp4Error('MP4_BOX_INVALID', `size ${sizeBytes} of ${type}`);
  }
  return { type, headerBytes, sizeBytes };
}

/** The boxes that `bytes` consists of, without copying. Errors: `MP4_TRUNCATED`, `MP4_BOX_INVALID`, `MP4_TOO_MANY`. */
export function* boxesOf(bytes: Buffer): Generator<Box> {
  let count = 0;
  for (let offset = 0; offset < bytes.length;) {
    const header = readBoxHeader(bytes, offset);
    if (header === undefined) throw new Mp4Error('MP4_TRUNCATED', 'box header');
    const end = header.sizeBytes === undefined ? bytes.length : offset + header.sizeBytes;
    const start = offset + header.headerBytes;
    if (end > bytes.length || start > end) throw new Mp4Error('MP4_TRUNCATED', header.type);
    count += 1;
    if (count > BOXES_MAX) throw new Mp4Error('MP4_TOO_MANY', 'boxes');
    yield { type: header.type, bytes: bytes.subarray(offset, end), body: bytes.subarray(start, end) };
    offset = end;
  }
}

/** Body of the first box at `path`, each step a box inside the one before; undefined if there is none. */
export function findBox(bytes: Buffer, ...path: string[]): Buffer | undefined {
  let body: Buffer | undefined = bytes;
  for (const type of path) {
    if (body === undefined) return undefined;
    body = firstOf(body, type);
  }
  return body;
}

function firstOf(bytes: Buffer, type: string): Buffer | undefined {
  for (const each of boxesOf(bytes)) if (each.type === type) return each.body;
  return undefined;
}

/** Reads fixed fields in order. Reading past the end throws `MP4_TRUNCATED`. */
export class FieldReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get bytesLeft(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  uint24(): number {
    return this.#bytes.readUIntBE(this.#take(3), 3);
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  /** 64-bit field; more than 2^53 - 1 is refused, as no clock of ours gets there. */
  uint64(): number {
    const value = Number(this.#bytes.readBigUInt64BE(this.#take(8)));
    if (!Number.isSafeInteger(value)) throw new Mp4Error('MP4_BOX_INVALID', '64-bit field');
    return value;
  }

  skip(count: number): this {
    this.#take(count);
    return this;
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#offset);
  }

  #take(count: number): number {
    const offset = this.#offset;
    if (count > this.bytesLeft) throw new Mp4Error('MP4_TRUNCATED', 'field');
    this.#offset += count;
    return offset;
  }
}

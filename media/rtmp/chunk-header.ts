import { MediaError } from '../error/index.ts';
import type { ChunkStream } from './chunk-stream.ts';

/** The 24-bit timestamp value that says "the real one follows in 32 bits". */
export const EXTENDED_TIMESTAMP = 0xffffff;
const HEADER_BYTES_BY_FORMAT = [11, 7, 3, 0];
const EXTENDED_BYTES = 4;

/** The first one to three bytes of a chunk (RTMP 1.0, section 5.3.1.1). */
export interface BasicHeader {
  format: number;
  chunkStreamId: number;
  sizeBytes: number;
}

/** Bytes of the message header of a format, without an extended timestamp. */
export function messageHeaderBytes(format: number): number {
  return HEADER_BYTES_BY_FORMAT[format] ?? 0;
}

/** Reads the basic header at `offset`, or returns undefined if more bytes are needed. */
export function readBasicHeader(input: Buffer, offset: number): BasicHeader | undefined {
  const left = input.length - offset;
  if (left < 1) return undefined;
  const first = input[offset];
  const format = first >>> 6;
  const form = first & 0x3f;
  if (form > 1) return { format, chunkStreamId: form, sizeBytes: 1 };
  if (left < 2 + form) return undefined;
  const second = input[offset + 1];
  if (form === 0) return { format, chunkStreamId: 64 + second, sizeBytes: 2 };
  return { format, chunkStreamId: 64 + second + input[offset + 2] * 256, sizeBytes: 3 };
}

/**
 * Applies a message header of format 0, 1 or 2 at `offset` to its chunk stream.
 * @returns bytes of the header with its extended timestamp, or undefined if more bytes are needed
 */
export function readMessageHeader(
  stream: ChunkStream,
  format: number,
  source: { input: Buffer; offset: number },
): number | undefined {
  const { input, offset } = source;
  const size = messageHeaderBytes(format);
  if (input.length - offset < size) return undefined;
  let field = input.readUIntBE(offset, 3);
  const isExtended = field === EXTENDED_TIMESTAMP;
  if (isExtended) {
    if (input.length - offset < size + EXTENDED_BYTES) return undefined;
    field = input.readUInt32BE(offset + size);
  }
  applyTimestamp(stream, format, field);
  stream.extendedField = isExtended ? field : undefined;
  if (format <= 1) {
    stream.lengthBytes = input.readUIntBE(offset + 3, 3);
    stream.typeId = input[offset + 6];
  }
  if (format === 0) stream.streamId = input.readUInt32LE(offset + 7);
  return isExtended ? size + EXTENDED_BYTES : size;
}

function applyTimestamp(stream: ChunkStream, format: number, field: number): void {
  if (format === 0) {
    stream.timestampMs = field;
    // Section 5.3.1.2.4: a type 3 after a type 0 adds the timestamp of the type 0. Beyond 24 bits senders
    // mean "the same time" instead, and adding 4.66 hours would be absurd.
    stream.deltaMs = field < EXTENDED_TIMESTAMP ? field : 0;
    return;
  }
  stream.deltaMs = field;
  stream.timestampMs = (stream.timestampMs + field) >>> 0;
}

/**
 * Bytes of the extended timestamp that a type-3 chunk repeats at `offset`: 4, or 0 for the peers that leave it
 * out; undefined if more bytes are needed to tell. The specification wants it repeated; most do, some do not,
 * so the bytes are compared with what would be repeated (the field as sent, or the absolute time).
 */
export function repeatedExtendedBytes(
  stream: ChunkStream,
  input: Buffer,
  offset: number,
): number | undefined {
  if (stream.extendedField === undefined) return 0;
  const left = Math.min(input.length - offset, EXTENDED_BYTES);
  const isRepeated =
    isPrefixOf(stream.extendedField, input, { offset, length: left }) ||
    isPrefixOf(stream.timestampMs, input, { offset, length: left });
  if (!isRepeated) return 0;
  return left < EXTENDED_BYTES ? undefined : EXTENDED_BYTES;
}

function isPrefixOf(value: number, input: Buffer, at: { offset: number; length: number }): boolean {
  for (let index = 0; index < at.length; index++) {
    if (input[at.offset + index] !== ((value >>> (24 - index * 8)) & 0xff)) return false;
  }
  return true;
}

/** Refuses a compressed header that refers to a header which never came. */
export function assertHasReference(format: number): void {
  // librtmp opens a chunk stream with format 1 for its pings; 2 and 3 lack length and type and can only be junk.
  if (format > 1) throw new MediaError('RTMP_HEADER_MISSING', `format ${format}`);
}

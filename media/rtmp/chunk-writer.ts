import { EXTENDED_TIMESTAMP } from './chunk-header.ts';
import type { RtmpMessage } from './message.ts';

/** Size of the chunks that both kinds of session send, once they have announced it. */
export const OUT_CHUNK_BYTES = 60_000;
const FULL_HEADER_BYTES = 11;
const DELTA_HEADER_BYTES = 7;
const EXTENDED_BYTES = 4;
const CHUNK_STREAM_ID_MAX = 65_599;

/**
 * Encodes one message into one Buffer with a full header (format 0) and continuation chunks (format 3). It
 * depends on no earlier message, so that one result can be sent to every viewer with the same chunk size.
 */
export function encodeMessage(message: RtmpMessage, chunkBytes: number): Buffer {
  return encode(message, chunkBytes, undefined);
}

/** Encodes the messages of one connection, with format 1 headers where the previous message allows it. */
export class ChunkWriter {
  /** Size of the chunks sent; announce a change with Set Chunk Size first. */
  chunkBytes = 128;
  readonly #previous = new Map<number, { timestampMs: number; streamId: number }>();

  encode(message: RtmpMessage): Buffer {
    const previous = this.#previous.get(message.chunkStreamId);
    const deltaMs = previous?.streamId === message.streamId ? message.timestampMs - previous.timestampMs : -1;
    this.#previous.set(message.chunkStreamId, {
      timestampMs: message.timestampMs,
      streamId: message.streamId,
    });
    // Going back, wrapping and very large steps take the full header, which every peer understands alike.
    const isDelta = deltaMs >= 0 && deltaMs < EXTENDED_TIMESTAMP;
    return encode(message, this.chunkBytes, isDelta ? deltaMs : undefined);
  }
}

function encode(message: RtmpMessage, chunkBytes: number, deltaMs: number | undefined): Buffer {
  const { payload, chunkStreamId } = message;
  const basicBytes = basicHeaderBytes(chunkStreamId);
  const timestampMs = deltaMs ?? message.timestampMs;
  const extendedBytes = timestampMs >= EXTENDED_TIMESTAMP ? EXTENDED_BYTES : 0;
  const headerBytes = deltaMs === undefined ? FULL_HEADER_BYTES : DELTA_HEADER_BYTES;
  const continuations = Math.max(Math.ceil(payload.length / chunkBytes) - 1, 0);
  const target = Buffer.allocUnsafe(
    (basicBytes + extendedBytes) * (1 + continuations) + headerBytes + payload.length,
  );
  let offset = writeBasicHeader(target, 0, { format: deltaMs === undefined ? 0 : 1, chunkStreamId });
  target.writeUIntBE(Math.min(timestampMs, EXTENDED_TIMESTAMP), offset, 3);
  target.writeUIntBE(payload.length, offset + 3, 3);
  target[offset + 6] = message.typeId;
  if (deltaMs === undefined) target.writeUInt32LE(message.streamId, offset + 7);
  offset += headerBytes;
  for (let start = 0; ;) {
    if (extendedBytes > 0) offset = target.writeUInt32BE(timestampMs, offset);
    const end = Math.min(start + chunkBytes, payload.length);
    offset += payload.copy(target, offset, start, end);
    if (end === payload.length) return target;
    offset = writeBasicHeader(target, offset, { format: 3, chunkStreamId });
    start = end;
  }
}

function basicHeaderBytes(chunkStreamId: number): number {
  if (chunkStreamId < 2 || chunkStreamId > CHUNK_STREAM_ID_MAX) throw new RangeError('chunk stream id');
  if (chunkStreamId < 64) return 1;
  return chunkStreamId < 320 ? 2 : 3;
}

function writeBasicHeader(
  target: Buffer,
  offset: number,
  basic: { format: number; chunkStreamId: number },
): number {
  const format = basic.format << 6;
  const id = basic.chunkStreamId;
  if (id < 64) {
    target[offset] = format | id;
    return offset + 1;
  }
  if (id < 320) {
    target[offset] = format;
    target[offset + 1] = id - 64;
    return offset + 2;
  }
  target[offset] = format | 1;
  target[offset + 1] = (id - 64) & 0xff;
  target[offset + 2] = (id - 64) >>> 8;
  return offset + 3;
}

import { sizeOf, type Tag } from './tag.ts';

/** Room in front of the FLV bytes for the largest WebSocket frame header a server sends (RFC 6455, 5.2). */
const headroom = 10;
const binaryFrame = 0x82;

/** Bytes for one write, made once and shared by all viewers; both framings look at the same memory. */
export interface Payload {
  /** Plain FLV bytes, for HTTP-FLV. */
  readonly flv: Buffer;
  /** The same bytes behind an unmasked binary frame header, for WS-FLV. */
  readonly webSocket: Buffer;
}

/** Joins an optional stream head and tags into one payload. */
export function encodePayload(tags: readonly Tag[], head: readonly Buffer[] = []): Payload {
  const size = head.reduce((sum, part) => sum + part.length, sizeOf(tags));
  // Its own allocation: a slice of the shared pool would pin 8 KiB for as long as one slow viewer needs it.
  const bytes = Buffer.allocUnsafeSlow(headroom + size);
  let offset = headroom;
  for (const part of head) offset += part.copy(bytes, offset);
  for (const tag of tags) offset += tag.bytes.copy(bytes, offset);
  return { flv: bytes.subarray(headroom), webSocket: bytes.subarray(writeFrameHeader(bytes, size)) };
}

/** Writes the frame header so that it ends where the FLV bytes begin; answers where it begins. */
function writeFrameHeader(bytes: Buffer, size: number): number {
  if (size < 126) {
    bytes[headroom - 2] = binaryFrame;
    bytes[headroom - 1] = size;
    return headroom - 2;
  }
  if (size < 65_536) {
    bytes[headroom - 4] = binaryFrame;
    bytes[headroom - 3] = 126;
    bytes.writeUInt16BE(size, headroom - 2);
    return headroom - 4;
  }
  bytes[0] = binaryFrame;
  bytes[1] = 127;
  bytes.writeUInt32BE(0, 2);
  bytes.writeUInt32BE(size, 6);
  return 0;
}

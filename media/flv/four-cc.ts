import { MediaError } from '../error/index.ts';

const MOD_EX = 7;
const MULTITRACK = 5;
const MULTITRACK_VIDEO = 6;
const MANY_TRACKS_MANY_CODECS = 2;
const FOUR_CC_BYTES = 4;
const SIZE_ESCAPE = 256;

/** The start of an enhanced tag (Enhanced RTMP v2, "ExVideoTagHeader" and "ExAudioTagHeader"). */
export interface ExtendedHeader {
  packetType: number;
  /** Empty for a multitrack tag in which every track names its own codec. */
  fourCc: string;
  isMultitrack: boolean;
  /** Offset of the first byte behind the header (for multitrack: of the first track). */
  dataOffset: number;
}

/** Reads an enhanced header, which begins with the packet type in the first byte. Errors: `FLV_TRUNCATED`. */
export function readExtendedHeader(payload: Buffer, kind: 'audio' | 'video'): ExtendedHeader {
  const cursor = { packetType: payload[0] & 0x0f, offset: 1 };
  while (cursor.packetType === MOD_EX) skipModEx(payload, cursor);
  const isMultitrack = cursor.packetType === (kind === 'video' ? MULTITRACK_VIDEO : MULTITRACK);
  let isNamed = true;
  if (isMultitrack) {
    assertBytes(payload, cursor.offset, 1);
    isNamed = payload[cursor.offset] >>> 4 !== MANY_TRACKS_MANY_CODECS;
    cursor.packetType = payload[cursor.offset] & 0x0f;
    cursor.offset += 1;
  }
  const fourCc = isNamed ? readFourCc(payload, cursor) : '';
  return { packetType: cursor.packetType, fourCc, isMultitrack, dataOffset: cursor.offset };
}

/** Steps over one modifier, such as a nanosecond offset; each takes at least three bytes. */
function skipModEx(payload: Buffer, cursor: { packetType: number; offset: number }): void {
  assertBytes(payload, cursor.offset, 1);
  let sizeBytes = payload[cursor.offset] + 1;
  cursor.offset += 1;
  if (sizeBytes === SIZE_ESCAPE) {
    assertBytes(payload, cursor.offset, 2);
    sizeBytes = payload.readUInt16BE(cursor.offset) + 1;
    cursor.offset += 2;
  }
  assertBytes(payload, cursor.offset, sizeBytes + 1);
  cursor.offset += sizeBytes;
  cursor.packetType = payload[cursor.offset] & 0x0f;
  cursor.offset += 1;
}

function readFourCc(payload: Buffer, cursor: { offset: number }): string {
  assertBytes(payload, cursor.offset, FOUR_CC_BYTES);
  const start = cursor.offset;
  cursor.offset += FOUR_CC_BYTES;
  return payload.toString('latin1', start, cursor.offset);
}

function assertBytes(payload: Buffer, offset: number, count: number): void {
  if (payload.length - offset < count) throw new MediaError('FLV_TRUNCATED');
}

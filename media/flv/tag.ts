/** FLV tag types (Adobe FLV 10.1, E.4.1). */
export const tagType = { audio: 8, video: 9, data: 18 } as const;

export type FlvTagType = keyof typeof tagType;

/** One FLV tag. */
export interface FlvTag {
  type: FlvTagType;
  /** uint32 milliseconds: 24 bits and the extension byte; wraps after 49.7 days. */
  timestampMs: number;
  /** Tag body, at most 2^24 - 1 bytes. */
  payload: Buffer;
}

/** Bytes of a tag header. */
export const tagHeaderBytes = 11;
/** Bytes of the back pointer behind each tag. */
export const backPointerBytes = 4;

/** Bytes of a whole tag with its back pointer. */
export function tagBytes(payloadBytes: number): number {
  return tagHeaderBytes + payloadBytes + backPointerBytes;
}

/** Writes a tag with its back pointer into `target`; returns the offset behind it. */
export function writeTag(target: Buffer, offset: number, tag: FlvTag): number {
  const { payload, timestampMs } = tag;
  target[offset] = tagType[tag.type];
  target.writeUIntBE(payload.length, offset + 1, 3);
  target.writeUIntBE(timestampMs & 0xffffff, offset + 4, 3);
  target[offset + 7] = timestampMs >>> 24;
  target.writeUIntBE(0, offset + 8, 3);
  payload.copy(target, offset + tagHeaderBytes);
  return target.writeUInt32BE(tagHeaderBytes + payload.length, offset + tagHeaderBytes + payload.length);
}

/** A tag with its back pointer in one Buffer. */
export function encodeTag(tag: FlvTag): Buffer {
  const bytes = Buffer.allocUnsafe(tagBytes(tag.payload.length));
  writeTag(bytes, 0, tag);
  return bytes;
}

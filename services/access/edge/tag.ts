import type { TrackKind } from './timeline.ts';

/** One FLV tag, encoded once at ingest; every output shares its bytes. */
export interface Tag {
  readonly kind: TrackKind;
  /** Position in the stream, 1 for the first tag; never reused, not even by another publisher. */
  readonly sequence: number;
  readonly timestampMs: number;
  readonly keyFrame: boolean;
  /** Codec set-up, or the stream's onMetaData: kept for new viewers, never shed. */
  readonly sequenceHeader: boolean;
  /** No other frame needs it: the first to go when a viewer is slow. */
  readonly disposable: boolean;
  /** Tag header (11 bytes), payload, previous tag size (4 bytes). */
  readonly bytes: Buffer;
}

const tagHeaderSize = 11;
const tagTrailerSize = 4;

/** What follows the tag header: the RTMP message as it was received. */
export function payloadOf(tag: Tag): Buffer {
  return tag.bytes.subarray(tagHeaderSize, tag.bytes.length - tagTrailerSize);
}

export function sizeOf(tags: readonly Tag[]): number {
  let size = 0;
  for (const tag of tags) size += tag.bytes.length;
  return size;
}

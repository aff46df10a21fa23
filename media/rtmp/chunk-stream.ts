import type { PartialBytes } from '../bytes/index.ts';

/** What a reader remembers of one chunk stream, because later headers leave fields out. */
export interface ChunkStream {
  readonly id: number;
  timestampMs: number;
  /** What a type-3 chunk that starts a message adds. */
  deltaMs: number;
  /** The last extended field as it was sent, or undefined if the last full header had none. */
  extendedField: number | undefined;
  lengthBytes: number;
  typeId: number;
  streamId: number;
  /** The message that is being received, if one is. */
  partial: PartialBytes | undefined;
}

/** State of a chunk stream on which nothing has been received. */
export function createChunkStream(id: number): ChunkStream {
  return {
    id,
    timestampMs: 0,
    deltaMs: 0,
    extendedField: undefined,
    lengthBytes: 0,
    typeId: 0,
    streamId: 0,
    partial: undefined,
  };
}

/** Bounds of what one peer can make this side hold; going over any of them ends the connection. */
export interface RtmpLimits {
  /** Bytes of one message; an 8K key frame at 100 Mbit/s is about half of it. */
  messageBytesMax: number;
  /** Chunk streams a peer may use at all; real encoders use two to five. */
  chunkStreamsMax: number;
  /** Messages begun and not finished at one time. */
  partialMessagesMax: number;
  /** Memory of all unfinished messages together. */
  partialBytesMax: number;
  /** Bytes taken in while a publish or play request is being decided. */
  heldBytesMax: number;
  /** Message streams a peer may have open; more are answered with `_error`. */
  streamsMax: number;
}

export const rtmpLimits: Readonly<RtmpLimits> = {
  messageBytesMax: 8 * 1024 * 1024,
  chunkStreamsMax: 64,
  partialMessagesMax: 16,
  partialBytesMax: 12 * 1024 * 1024,
  heldBytesMax: 1024 * 1024,
  streamsMax: 8,
};

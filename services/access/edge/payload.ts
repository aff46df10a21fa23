import { frameHeadroom, opcodes, writeFrameHeader } from '@gala/lib/websocket';
import { encodeMessage, OUT_CHUNK_BYTES, toRtmpMessage } from '@gala/media/rtmp';
import { payloadOf, sizeOf, type Tag } from './tag.ts';

export type Framing = 'flv' | 'webSocket' | 'rtmp';

/** The message stream that every RTMP player plays on, so that all of them take the same bytes. */
export const rtmpStreamId = 1;
const timestampRange = 2 ** 32;

interface FlvFrames {
  readonly flv: Buffer;
  readonly webSocket: Buffer;
}

/**
 * Tags for one write. Each framing is encoded when the first viewer needs it, and shared by all viewers of it:
 * a stream without RTMP players never makes chunks, and one with nothing else never makes FLV.
 */
export class Payload {
  readonly #tags: readonly Tag[];
  readonly #flvHead: readonly Buffer[];
  #frames: FlvFrames | undefined;
  #rtmp: Buffer | undefined;

  /** @param flvHead what an FLV stream begins with, before its tags; RTMP has no such thing */
  constructor(tags: readonly Tag[], flvHead: readonly Buffer[] = []) {
    this.#tags = tags;
    this.#flvHead = flvHead;
  }

  get tagCount(): number {
    return this.#tags.length;
  }

  get isEmpty(): boolean {
    return this.#tags.length === 0 && this.#flvHead.length === 0;
  }

  /** Plain FLV bytes, for HTTP-FLV. */
  get flv(): Buffer {
    return (this.#frames ??= encodeFlv(this.#tags, this.#flvHead)).flv;
  }

  /** The same bytes, in the same memory, behind an unmasked binary frame header, for WS-FLV. */
  get webSocket(): Buffer {
    return (this.#frames ??= encodeFlv(this.#tags, this.#flvHead)).webSocket;
  }

  /** RTMP chunks of `OUT_CHUNK_BYTES` on message stream 1, each message with a full header. */
  get rtmp(): Buffer {
    return (this.#rtmp ??= encodeRtmp(this.#tags));
  }

  in(framing: Framing): Buffer {
    if (framing === 'flv') return this.flv;
    return framing === 'webSocket' ? this.webSocket : this.rtmp;
  }
}

// Both encoders take memory of their own: a slice of the shared pool would pin 8 KiB for as long as one slow
// viewer needs it.

function encodeFlv(tags: readonly Tag[], head: readonly Buffer[]): FlvFrames {
  const size = head.reduce((sum, part) => sum + part.length, sizeOf(tags));
  const bytes = Buffer.allocUnsafeSlow(frameHeadroom + size);
  let offset = frameHeadroom;
  for (const part of head) offset += part.copy(bytes, offset);
  for (const tag of tags) offset += tag.bytes.copy(bytes, offset);
  const frame = bytes.subarray(writeFrameHeader(bytes, size, opcodes.binary));
  return { flv: bytes.subarray(frameHeadroom), webSocket: frame };
}

function encodeRtmp(tags: readonly Tag[]): Buffer {
  const messages = tags.map(encodeRtmpTag);
  const bytes = Buffer.allocUnsafeSlow(messages.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const message of messages) offset += message.copy(bytes, offset);
  return bytes;
}

function encodeRtmpTag(tag: Tag): Buffer {
  const timestampMs = tag.timestampMs % timestampRange;
  const media = { kind: tag.kind, timestampMs, payload: payloadOf(tag) };
  return encodeMessage(toRtmpMessage(media, rtmpStreamId), OUT_CHUNK_BYTES);
}

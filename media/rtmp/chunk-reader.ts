import { PartialBytes } from '../bytes/index.ts';
import { MediaError } from '../error/index.ts';
import {
  assertHasReference,
  messageHeaderBytes,
  readBasicHeader,
  readMessageHeader,
  repeatedExtendedBytes,
} from './chunk-header.ts';
import { createChunkStream, type ChunkStream } from './chunk-stream.ts';
import { rtmpLimits, type RtmpLimits } from './limits.ts';
import { messageType, type RtmpMessage } from './message.ts';

const EMPTY = Buffer.alloc(0);
const DEFAULT_CHUNK_BYTES = 128;
const CHUNK_BYTES_MAX = 0x7fffffff;

/**
 * Turns the chunks of one connection into messages (RTMP 1.0, section 5.3), whatever way the bytes are cut.
 * `append` bytes, then call `next` until it returns undefined. Set Chunk Size and Abort are obeyed here and not
 * returned. A message that lies in one chunk of one append is returned without a copy.
 */
export class ChunkReader {
  readonly #limits: RtmpLimits;
  readonly #streams = new Map<number, ChunkStream>();
  #input: Buffer = EMPTY;
  #offset = 0;
  #chunkBytes = DEFAULT_CHUNK_BYTES;
  #partialMessages = 0;
  #partialBytes = 0;
  /** The chunk whose payload is being received, and what is missing of it. */
  #current: ChunkStream | undefined;
  #chunkLeftBytes = 0;

  constructor(limits: RtmpLimits = rtmpLimits) {
    this.#limits = limits;
  }

  /** Memory held by unfinished messages. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** Bytes appended and not used yet. */
  get unreadBytes(): number {
    return this.#input.length - this.#offset;
  }

  /** Adds bytes; the buffer must not be changed afterwards. */
  append(bytes: Buffer): void {
    // What is left over is at most a header, except when the owner stopped calling `next`.
    this.#input =
      this.#offset === this.#input.length
        ? bytes
        : Buffer.concat([this.#input.subarray(this.#offset), bytes]);
    this.#offset = 0;
  }

  /** The next whole message, or undefined when more bytes are needed. Errors: `RTMP_*`; the reader is then spent. */
  next(): RtmpMessage | undefined {
    for (;;) {
      if (this.#current === undefined && !this.#beginChunk()) return undefined;
      const stream = this.#current as ChunkStream;
      const payload = this.#readPayload(stream);
      if (payload !== undefined) {
        const message = this.#finish(stream, payload);
        if (message !== undefined) return message;
      } else if (this.#current !== undefined) return undefined;
    }
  }

  /** Reads one chunk header; false if it has not arrived whole. */
  #beginChunk(): boolean {
    const basic = readBasicHeader(this.#input, this.#offset);
    if (basic === undefined) return false;
    const offset = this.#offset + basic.sizeBytes;
    const known = this.#streams.get(basic.chunkStreamId);
    if (known === undefined) assertHasReference(basic.format);
    const stream = known ?? createChunkStream(basic.chunkStreamId);
    const headerBytes =
      basic.format === 3
        ? this.#readContinuation(stream, offset)
        : this.#readHeader(stream, basic.format, offset);
    if (headerBytes === undefined) return false;
    if (known === undefined) this.#remember(stream);
    this.#offset = offset + headerBytes;
    this.#current = stream;
    this.#chunkLeftBytes = Math.min(this.#chunkBytes, stream.partial?.missingBytes ?? stream.lengthBytes);
    return true;
  }

  #remember(stream: ChunkStream): void {
    if (this.#streams.size >= this.#limits.chunkStreamsMax)
      throw new MediaError('RTMP_CHUNK_STREAMS_TOO_MANY');
    this.#streams.set(stream.id, stream);
  }

  #readHeader(stream: ChunkStream, format: number, offset: number): number | undefined {
    if (this.#input.length - offset < messageHeaderBytes(format)) return undefined;
    const headerBytes = readMessageHeader(stream, format, { input: this.#input, offset });
    if (headerBytes === undefined) return undefined;
    // A full header inside a message means the sender has given that message up.
    this.#drop(stream);
    if (stream.lengthBytes > this.#limits.messageBytesMax) {
      throw new MediaError('RTMP_MESSAGE_TOO_LARGE', `${stream.lengthBytes} bytes`);
    }
    return headerBytes;
  }

  #readContinuation(stream: ChunkStream, offset: number): number | undefined {
    const headerBytes = repeatedExtendedBytes(stream, this.#input, offset);
    if (headerBytes !== undefined && stream.partial === undefined) {
      stream.timestampMs = (stream.timestampMs + stream.deltaMs) >>> 0;
    }
    return headerBytes;
  }

  /**
   * The payload if the message is complete. Otherwise takes in what there is; `#current` is undefined
   * afterwards if the chunk is complete and the message is not.
   */
  #readPayload(stream: ChunkStream): Buffer | undefined {
    const start = this.#offset;
    const arrived = this.#input.length - start;
    if (stream.partial === undefined && this.#chunkLeftBytes === stream.lengthBytes) {
      if (arrived >= stream.lengthBytes) {
        this.#offset = start + stream.lengthBytes;
        this.#current = undefined;
        return this.#input.subarray(start, this.#offset);
      }
    }
    if (arrived === 0) return undefined;
    return this.#collect(stream, Math.min(arrived, this.#chunkLeftBytes));
  }

  #collect(stream: ChunkStream, count: number): Buffer | undefined {
    const partial = stream.partial ?? this.#startPartial(stream);
    const capacityBefore = partial.capacityBytes;
    partial.append(this.#input, this.#offset, this.#offset + count);
    this.#account(partial.capacityBytes - capacityBefore);
    this.#offset += count;
    this.#chunkLeftBytes -= count;
    if (this.#chunkLeftBytes > 0) return undefined;
    this.#current = undefined;
    if (partial.missingBytes > 0) return undefined;
    this.#drop(stream);
    return partial.take();
  }

  #startPartial(stream: ChunkStream): PartialBytes {
    if (this.#partialMessages >= this.#limits.partialMessagesMax)
      throw new MediaError('RTMP_PARTIAL_TOO_MANY');
    const partial = new PartialBytes(stream.lengthBytes, this.#input.length - this.#offset);
    stream.partial = partial;
    this.#partialMessages += 1;
    this.#account(partial.capacityBytes);
    return partial;
  }

  #account(bytes: number): void {
    this.#partialBytes += bytes;
    if (this.#partialBytes > this.#limits.partialBytesMax) throw new MediaError('RTMP_PARTIAL_TOO_LARGE');
  }

  #drop(stream: ChunkStream): void {
    if (stream.partial === undefined) return;
    this.#partialBytes -= stream.partial.capacityBytes;
    this.#partialMessages -= 1;
    stream.partial = undefined;
  }

  /** Obeys the messages that change how chunks are read; returns all others. */
  #finish(stream: ChunkStream, payload: Buffer): RtmpMessage | undefined {
    if (stream.typeId === messageType.setChunkSize) return this.#setChunkSize(payload);
    if (stream.typeId === messageType.abort) return this.#abort(payload);
    return {
      chunkStreamId: stream.id,
      typeId: stream.typeId,
      streamId: stream.streamId,
      timestampMs: stream.timestampMs,
      payload,
    };
  }

  #setChunkSize(payload: Buffer): undefined {
    if (payload.length < 4) throw new MediaError('RTMP_MESSAGE_INVALID', 'Set Chunk Size');
    const size = payload.readUInt32BE(0);
    if (size < 1 || size > CHUNK_BYTES_MAX) throw new MediaError('RTMP_CHUNK_SIZE_INVALID', String(size));
    this.#chunkBytes = size;
  }

  #abort(payload: Buffer): undefined {
    if (payload.length < 4) throw new MediaError('RTMP_MESSAGE_INVALID', 'Abort');
    const stream = this.#streams.get(payload.readUInt32BE(0));
    if (stream !== undefined) this.#drop(stream);
  }
}

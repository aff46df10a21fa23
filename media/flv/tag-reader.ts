import { PartialBytes } from '../bytes/index.ts';
import { MediaError } from '../error/index.ts';
import { flvHeaderBytes, parseFlvHeader, type FlvHeader } from './header.ts';
import { backPointerBytes, tagHeaderBytes, tagType, type FlvTag, type FlvTagType } from './tag.ts';

const EMPTY = Buffer.alloc(0);
const TAG_BYTES_MAX = 8 * 1024 * 1024;
const FILTERED_FLAG = 0x20;
const typeOf = new Map<number, FlvTagType>([
  [tagType.audio, 'audio'],
  [tagType.video, 'video'],
  [tagType.data, 'data'],
]);

interface OpenTag {
  type: FlvTagType;
  timestampMs: number;
  sizeBytes: number;
  /** Body and back pointer, once they have not arrived with the header. */
  partial: PartialBytes | undefined;
}

/**
 * Reads an FLV stream in any pieces: `append` bytes, then call `next` until it returns undefined. A tag that lies
 * in one piece is returned without a copy. Memory follows the bytes that arrive.
 */
export class FlvTagReader {
  readonly #tagBytesMax: number;
  #input: Buffer = EMPTY;
  #header: FlvHeader | undefined;
  #open: OpenTag | undefined;

  constructor(tagBytesMax = TAG_BYTES_MAX) {
    this.#tagBytesMax = tagBytesMax;
  }

  /** The file header, once it has been read. */
  get header(): FlvHeader | undefined {
    return this.#header;
  }

  /** Memory held by an unfinished tag. */
  get heldBytes(): number {
    return this.#input.length + (this.#open?.partial?.capacityBytes ?? 0);
  }

  /** Adds bytes; the buffer must not be changed afterwards. */
  append(bytes: Buffer): void {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
  }

  /** The next whole tag, or undefined. Errors: `FLV_*`; the reader is then spent. */
  next(): FlvTag | undefined {
    if (this.#header === undefined && !this.#readHeader()) return undefined;
    this.#open ??= this.#readTagHeader();
    if (this.#open === undefined) return undefined;
    const body = this.#readBody(this.#open);
    if (body === undefined) return undefined;
    const { type, timestampMs, sizeBytes } = this.#open;
    this.#open = undefined;
    if (body.readUInt32BE(sizeBytes) !== tagHeaderBytes + sizeBytes) {
      throw new MediaError('FLV_TAG_INVALID', 'back pointer');
    }
    return { type, timestampMs, payload: body.subarray(0, sizeBytes) };
  }

  #readHeader(): boolean {
    if (this.#input.length < flvHeaderBytes) return false;
    this.#header = parseFlvHeader(this.#input);
    this.#input = this.#input.subarray(flvHeaderBytes);
    return true;
  }

  #readTagHeader(): OpenTag | undefined {
    const input = this.#input;
    if (input.length < tagHeaderBytes) return undefined;
    const type = typeOf.get(input[0]);
    // The filter flag marks encrypted tags, which nothing behind us could play.
    if (type === undefined) {
      const isEncrypted = (input[0] & FILTERED_FLAG) !== 0;
      throw new MediaError('FLV_TAG_INVALID', isEncrypted ? 'encrypted' : `type ${input[0]}`);
    }
    const sizeBytes = input.readUIntBE(1, 3);
    if (sizeBytes > this.#tagBytesMax) throw new MediaError('FLV_TAG_TOO_LARGE', `${sizeBytes} bytes`);
    const timestampMs = input.readUIntBE(4, 3) + input[7] * 2 ** 24;
    this.#input = input.subarray(tagHeaderBytes);
    return { type, timestampMs, sizeBytes, partial: undefined };
  }

  #readBody(open: OpenTag): Buffer | undefined {
    const needed = open.sizeBytes + backPointerBytes;
    if (open.partial === undefined && this.#input.length >= needed) {
      const body = this.#input.subarray(0, needed);
      this.#input = this.#input.subarray(needed);
      return body;
    }
    open.partial ??= new PartialBytes(needed, this.#input.length);
    const count = Math.min(this.#input.length, open.partial.missingBytes);
    open.partial.append(this.#input, 0, count);
    this.#input = this.#input.subarray(count);
    return open.partial.missingBytes === 0 ? open.partial.take() : undefined;
  }
}

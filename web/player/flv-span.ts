const fileHeaderBytes = 13;
/** Tag header plus the two bytes that tell a frame from a decoder configuration. */
const tagPeekBytes = 13;
const audioTag = 8;
const videoTag = 9;

/**
 * Measures how much media a running FLV stream has brought so far, from the tag headers alone
 * (Adobe FLV 10.1, E.4.1). Chunks may be cut anywhere. Keeps 13 bytes, never a payload.
 */
export class FlvSpan {
  #skip = fileHeaderBytes;
  readonly #peek = new Uint8Array(tagPeekBytes);
  #peeked = 0;
  #firstMs: number | undefined;
  #audioMs: number | undefined;
  #videoMs: number | undefined;

  /** Place of the first frame in the stream's timeline, in ms; undefined until there is one. */
  get firstMs(): number | undefined {
    return this.#firstMs;
  }

  /** Milliseconds from the first frame to where every track that is there has arrived. */
  get spanMs(): number {
    if (this.#firstMs === undefined) return 0;
    const lasts = [this.#audioMs, this.#videoMs].filter((last) => last !== undefined);
    return Math.max(0, Math.min(...lasts) - this.#firstMs);
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const taken = Math.min(tagPeekBytes - this.#peeked, chunk.length - at);
      this.#peek.set(chunk.subarray(at, at + taken), this.#peeked);
      this.#peeked += taken;
      at += taken;
      if (this.#peeked === tagPeekBytes) this.#readTag();
    }
  }

  #readTag(): void {
    const peek = this.#peek;
    const byte = (index: number): number => peek[index] ?? 0;
    const dataBytes = byte(1) * 0x10000 + byte(2) * 0x100 + byte(3);
    const timeMs = byte(7) * 0x1000000 + byte(4) * 0x10000 + byte(5) * 0x100 + byte(6);
    this.#peeked = 0;
    // 11 header bytes, the data and 4 bytes of "previous tag size", less what was peeked at.
    this.#skip = Math.max(0, 11 + dataBytes + 4 - tagPeekBytes);
    const tagType = byte(0) & 0x1f;
    if (dataBytes < 2) return;
    if (tagType === videoTag && !isVideoConfiguration(byte(11), byte(12))) {
      if (this.#videoMs === undefined) this.#begin(timeMs);
      this.#videoMs = timeMs;
    }
    if (tagType === audioTag && !isAudioConfiguration(byte(11), byte(12))) {
      if (this.#audioMs === undefined) this.#begin(timeMs);
      this.#audioMs = timeMs;
    }
  }

  /** The first frame of a track; that of the other may be a little earlier. */
  #begin(timeMs: number): void {
    this.#firstMs = Math.min(this.#firstMs ?? timeMs, timeMs);
  }
}

/** Bit 7 marks the enhanced header, whose low four bits are the packet type; 0 is a sequence start. */
function isVideoConfiguration(first: number, second: number): boolean {
  if (first & 0x80) return (first & 0x0f) === 0;
  return (first & 0x0f) === 7 && second === 0;
}

/** Sound format 10 is AAC; 9 is the enhanced header with the packet type in the low four bits. */
function isAudioConfiguration(first: number, second: number): boolean {
  if (first >> 4 === 9) return (first & 0x0f) === 0;
  return first >> 4 === 10 && second === 0;
}

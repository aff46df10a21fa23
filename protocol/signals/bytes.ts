/** A shared buffer that grew beyond this is given back after use. */
const keptBytesMax = 1 << 20;
/** Texts up to here are mostly ASCII, and copied more quickly than the platform is asked to. */
const shortTextMax = 160;
const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Writes numbers and texts one behind the other. Numbers are LEB128: seven bits a byte, the low ones first, the high
 * bit set in all but the last; up to 2^53 - 1.
 */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  #size = 0;

  /** @throws RangeError for what is not a whole number from 0 to 2^53 - 1 */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} cannot be written`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#size++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#size++] = rest;
  }

  /** Zigzag: 0, -1, 1, -2, 2 … become 0, 1, 2, 3, 4 …; from -2^52 to 2^52 - 1. */
  signed(value: number): void {
    this.number(value < 0 ? value * -2 - 1 : value * 2);
  }

  /** UTF-8 with its length in bytes before it. */
  text(value: string): void {
    const start = this.begin();
    this.#reserve(value.length * 3);
    if (value.length > shortTextMax || !this.#ascii(value)) {
      this.#size += utf8.encodeInto(value, this.#bytes.subarray(this.#size)).written;
    }
    this.end(start);
  }

  /** False when it is not all ASCII, and nothing was written. */
  #ascii(value: string): boolean {
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      this.#bytes[this.#size + index] = code;
    }
    this.#size += value.length;
    return true;
  }

  /** Bytes with their length before them. */
  block(value: Uint8Array): void {
    this.number(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#size);
    this.#size += value.length;
  }

  /** Begins a block of which the length is not known yet; blocks nest. */
  begin(): number {
    this.#reserve(1);
    return this.#size++;
  }

  /** Puts its length before the block that began at `start`; what is longer than 127 bytes moves for it. */
  end(start: number): void {
    const size = this.#size - start - 1;
    if (size < 0x80) {
      this.#bytes[start] = size;
      return;
    }
    const extra = sizeOfNumber(size) - 1;
    this.#reserve(extra);
    this.#bytes.copyWithin(start + 1 + extra, start + 1, this.#size);
    this.#size = start;
    this.number(size);
    this.#size += size;
  }

  /** What was written, as a copy; the writer is empty again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#size);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#size = 0;
    if (this.#bytes.length > keptBytesMax) this.#bytes = new Uint8Array(4096);
  }

  #reserve(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + size));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}

function sizeOfNumber(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Reads what a `ByteWriter` wrote; every method throws a RangeError where the bytes are not such. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('the bytes end within a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return checkSafe(value);
    }
    throw new RangeError('a number has more than eight bytes');
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    const bytes = this.block();
    try {
      return fromUtf8.decode(bytes);
    } catch (cause) {
      throw new RangeError('a text is not UTF-8', { cause });
    }
  }

  /** How many follow; never more than there are bytes, for each has one at least. */
  count(): number {
    const count = this.number();
    if (count > this.#bytes.length - this.#at) throw new RangeError('more is announced than there are bytes');
    return count;
  }

  /** A view of the bytes of the next block. */
  block(): Uint8Array {
    const size = this.count();
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }

  /** `count` blocks, each read by `read`; what it leaves of a block is of a later version and passed over. */
  blocks<Item>(read: (block: ByteReader) => Item): Item[] {
    return Array.from({ length: this.count() }, () => read(new ByteReader(this.block())));
  }
}

function checkSafe(value: number): number {
  if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is above 2^53 - 1');
  return value;
}

/** @throws RangeError for what is not JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new RangeError('a text is not JSON', { cause });
  }
}

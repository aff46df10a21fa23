import { MediaError } from '../error/index.ts';

const EXP_GOLOMB_ZEROS_MAX = 31;

/** Reads big-endian bit fields. Reading past the end throws `BITS_EXHAUSTED`. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get bitsLeft(): number {
    return this.#bytes.length * 8 - this.#position;
  }

  /** Unsigned field of 0 to 32 bits. */
  bits(count: number): number {
    if (count > this.bitsLeft) throw new MediaError('BITS_EXHAUSTED');
    let value = 0;
    for (let read = 0; read < count; read++) value = value * 2 + this.#next();
    return value;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  skip(count: number): void {
    if (count > this.bitsLeft) throw new MediaError('BITS_EXHAUSTED');
    this.#position += count;
  }

  /** Unsigned Exp-Golomb code, ue(v) of ITU-T H.264 9.1; more than 31 leading zeros are refused. */
  unsignedExpGolomb(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros += 1;
      if (zeros > EXP_GOLOMB_ZEROS_MAX) throw new MediaError('BITS_EXHAUSTED', 'Exp-Golomb code too long');
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Signed Exp-Golomb code, se(v) of ITU-T H.264 9.1.1. */
  signedExpGolomb(): number {
    const code = this.unsignedExpGolomb();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }

  #next(): number {
    const byte = this.#bytes[this.#position >>> 3] ?? 0;
    const bit = (byte >>> (7 - (this.#position & 7))) & 1;
    this.#position += 1;
    return bit;
  }
}

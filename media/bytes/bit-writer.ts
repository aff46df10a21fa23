/** Writes big-endian bit fields; the last byte is filled with zeros. */
export class BitWriter {
  readonly #bytes: number[] = [];
  #position = 0;

  /** Appends the lowest `count` bits (0 to 32) of an unsigned value. */
  bits(count: number, value: number): this {
    for (let left = count - 1; left >= 0; left--) this.#append(Math.floor(value / 2 ** left) % 2);
    return this;
  }

  toBuffer(): Buffer {
    return Buffer.from(this.#bytes);
  }

  #append(bit: number): void {
    const index = this.#position >>> 3;
    const byte = this.#bytes[index] ?? 0;
    this.#bytes[index] = byte | (bit << (7 - (this.#position & 7)));
    this.#position += 1;
  }
}

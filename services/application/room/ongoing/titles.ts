const spareBytes = 65_536;

/** Short texts as bytes in one buffer; a place is an offset and a length. Moves them together when too much is waste. */
export class Titles {
  #bytes = Buffer.alloc(spareBytes);
  #end = 0;
  #wasted = 0;

  /** Bytes in use. */
  get bytes(): number {
    return this.#end - this.#wasted;
  }

  /** True when as much is waste as is in use: `compact` is due. */
  get isWasteful(): boolean {
    return this.#wasted > this.bytes + spareBytes;
  }

  /** Copies `title`; its offset. */
  add(title: Uint8Array): number {
    const offset = this.#end;
    if (offset + title.length > this.#bytes.length) this.#grow(offset + title.length);
    this.#bytes.set(title, offset);
    this.#end += title.length;
    return offset;
  }

  drop(length: number): void {
    this.#wasted += length;
  }

  read(offset: number, length: number): string {
    return this.#bytes.toString('utf8', offset, offset + length);
  }

  equals(offset: number, length: number, title: Uint8Array): boolean {
    if (length !== title.length) return false;
    return this.#bytes.compare(title, 0, length, offset, offset + length) === 0;
  }

  /** Begins anew: `move` copies one text over from where it was. */
  compact(moveAll: (move: (offset: number, length: number) => number) => void): void {
    const old = this.#bytes;
    this.#bytes = Buffer.alloc(Math.max(spareBytes, 2 * this.bytes));
    this.#end = 0;
    this.#wasted = 0;
    moveAll((offset, length) => this.add(old.subarray(offset, offset + length)));
  }

  #grow(needed: number): void {
    const larger = Buffer.alloc(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

import { flvHeaderBytes } from './header.ts';
import { backPointerBytes, tagHeaderBytes } from './tag.ts';

/**
 * Finds the end of the last whole tag of a recording whose writer died, and the time of that tag, by the headers of
 * its tags alone. Hand over the bytes at `offset`, as many as are at hand, until `push` returns false.
 */
export class FlvTail {
  readonly #fileBytes: number;
  /** Where the header of the next tag lies. */
  offset = flvHeaderBytes;
  /** Timestamp of the last whole tag. */
  lastMs = 0;

  constructor(fileBytes: number) {
    this.#fileBytes = fileBytes;
  }

  /** Length to which the file is to be cut; 0 without a whole header. */
  get wholeBytes(): number {
    return this.#fileBytes < flvHeaderBytes ? 0 : this.offset;
  }

  /** Steps over the tags that begin in `bytes`; false at the end of what is whole. */
  push(bytes: Buffer): boolean {
    const start = this.offset;
    while (this.offset - start + tagHeaderBytes <= bytes.length) {
      const at = this.offset - start;
      const end = this.offset + tagHeaderBytes + bytes.readUIntBE(at + 1, 3) + backPointerBytes;
      if (end > this.#fileBytes) return false;
      this.lastMs = bytes.readUIntBE(at + 4, 3) + bytes[at + 7] * 2 ** 24;
      this.offset = end;
    }
    return this.offset > start && this.offset < this.#fileBytes;
  }
}

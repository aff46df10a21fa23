import { readBoxHeader } from './box-reader.ts';

/** Bytes of a box header at most. */
export const boxHeaderBytesMax = 32;

/**
 * Finds the end of the last whole fragment of a recording whose writer died, by the headers of its boxes alone: a
 * file that ends within `moof` is refused by some readers, so it is cut to `wholeBytes` before it is read.
 *
 * Read `boxHeaderBytesMax` bytes (or what is left) at `offset` and call `step` with them until it returns false.
 */
export class RecordingTail {
  readonly #fileBytes: number;
  /** Where the header of the next box lies. */
  offset = 0;
  /** Length to which the file is to be cut; 0 while no whole init segment has been seen. */
  wholeBytes = 0;

  constructor(fileBytes: number) {
    this.#fileBytes = fileBytes;
  }

  /** Takes the header at `offset`; false at the end of what is whole. Errors: `MP4_BOX_INVALID`. */
  step(header: Buffer): boolean {
    const box = readBoxHeader(header);
    const end = this.offset + (box?.sizeBytes ?? Infinity);
    if (box === undefined || end > this.#fileBytes) return false;
    this.offset = end;
    if (box.type === 'moov' || box.type === 'mdat') this.wholeBytes = end;
    return end < this.#fileBytes;
  }
}

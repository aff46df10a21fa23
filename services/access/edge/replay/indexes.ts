import { FragmentIndex } from '@gala/media/mp4';
import { keyOf } from '../record/recording.ts';
import { readIndex } from '../record/recovery.ts';
import type { Shelf, ShelfFile } from './shelf.ts';

interface Kept {
  readonly index: FragmentIndex;
  /** Reads one after the other: the next one finds what this one read. */
  reading: Promise<unknown>;
}

/** Fragments of all indexes in memory, about 100 bytes each; the one asked for longest ago goes first. */
const fragmentsMax = 200_000;

/** The fragment indexes of files that are replayed, read once and read on where a file grows. */
export class Indexes {
  readonly #shelf: Shelf;
  readonly #kept = new Map<string, Kept>();

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  get fragments(): number {
    let fragments = 0;
    for (const { index } of this.#kept.values()) fragments += index.entries.length;
    return fragments;
  }

  /** The index of an MP4 file as far as the file has come. Errors: those of reading a blob. */
  async of(file: ShelfFile): Promise<FragmentIndex> {
    const key = keyOf(file, file.format);
    const name = `${file.folder}/${key}`;
    const kept = this.#kept.get(name) ?? { index: new FragmentIndex(0), reading: Promise.resolve() };
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    const reader = this.#shelf.reader(file);
    const read = async (): Promise<void> => {
      const { bytes } = await reader.stat(key);
      kept.index.grow(bytes);
      await readIndex(reader, key, kept.index);
    };
    const reading = kept.reading.then(read);
    kept.reading = reading.catch(() => this.#kept.delete(name));
    await reading;
    this.#bound();
    return kept.index;
  }

  #bound(): void {
    let { fragments } = this;
    for (const [name, { index }] of this.#kept) {
      if (fragments <= fragmentsMax) return;
      fragments -= index.entries.length;
      this.#kept.delete(name);
    }
  }
}

import type { Format, Shared } from './shared.ts';

/** The clients of one room that share every byte, and what is on its way to them. */
export class Group {
  readonly format: Format;
  #job = 0;
  #bytes: Buffer | undefined;

  constructor(format: Format) {
    this.format = format;
  }

  /** What the job with this number brings, made by the first who asks. */
  bytesOf(job: number, items: readonly Shared[]): Buffer {
    if (this.#job === job && this.#bytes) return this.#bytes;
    this.#job = job;
    this.#bytes = joined(items, this.format);
    return this.#bytes;
  }

  /** True when the next call of `bytesOf` makes something. */
  lacks(job: number): boolean {
    return this.#job !== job;
  }

  forget(): void {
    this.#bytes = undefined;
    this.#job = 0;
  }
}

/** Frames in one piece. */
export function joined(items: readonly Shared[], format: Format): Buffer {
  if (items.length === 1) return items[0].frameFor(format);
  return Buffer.concat(items.map((item) => item.frameFor(format)));
}

import type { Backlog } from './backlog.ts';
import type { Shared, Format } from './shared.ts';

/** The clients of one room that share every byte, and what is on its way to them. */
export class Group {
  readonly format: Format;
  #after = 0;
  #to = 0;
  #bytes: Buffer | undefined;

  constructor(format: Format) {
    this.format = format;
  }

  /** What was said between two numbers, made by the first who asks. */
  bytesOf(backlog: Backlog, after: number, to: number): Buffer {
    if (!this.lacks(after, to)) return this.#bytes!;
    this.#after = after;
    this.#to = to;
    this.#bytes = joined(backlog.between(after, to), this.format);
    return this.#bytes;
  }

  /** True when the next call of `bytesOf` makes something. */
  lacks(after: number, to: number): boolean {
    return this.#after !== after || this.#to !== to || this.#bytes === undefined;
  }

  forget(): void {
    this.#bytes = undefined;
  }
}

/** Frames in one piece. */
export function joined(items: readonly Shared[], format: Format): Buffer {
  if (items.length === 1) return items[0].frameFor(format);
  return Buffer.concat(items.map((item) => item.frameFor(format)));
}

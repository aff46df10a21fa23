import type { LargeKey } from './types.ts';

const keysMax = 32;

/** The largest keys that were looked at, each with the size that it had last; a bounded number of them. */
export class LargestKeys {
  readonly #keys = new Map<string, LargeKey>();
  #smallest = 0;

  note(key: string, kind: LargeKey['kind'], size: number): void {
    if (size <= this.#smallest && !this.#keys.has(key)) return;
    this.#keys.set(key, { key, kind, size });
    if (this.#keys.size <= keysMax) return;
    const smallest = this.list()[keysMax];
    this.#keys.delete(smallest.key);
    this.#smallest = smallest.size;
  }

  forget(key: string): void {
    if (this.#keys.delete(key)) this.#smallest = 0;
  }

  /** Largest first. */
  list(): LargeKey[] {
    return [...this.#keys.values()].toSorted((one, other) => other.size - one.size);
  }
}

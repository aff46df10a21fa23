import type { Clock } from '../clock/index.ts';

export interface FloorOptions {
  readonly clock: Clock;
  readonly keysMax: number;
  readonly keepMs: number;
}

/** The oldest version of a key that may still be believed, for as long as an older one may be under way. */
export class Floors<Key> {
  readonly #options: FloorOptions;
  /** In the order of their end. */
  readonly #byKey = new Map<Key, { version: number; untilMs: number }>();

  constructor(options: FloorOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** 0 where nothing is known. */
  of(key: Key): number {
    return this.#byKey.get(key)?.version ?? 0;
  }

  /** False when the bound made the oldest one go before its time. */
  raise(key: Key, version: number): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const known = Math.max(version, this.of(key));
    this.#byKey.delete(key);
    this.#byKey.set(key, { version: known, untilMs: nowMs + this.#options.keepMs });
    for (const [oldest, { untilMs }] of this.#byKey) {
      const isOver = untilMs <= nowMs;
      if (!isOver && this.#byKey.size <= this.#options.keysMax) return true;
      this.#byKey.delete(oldest);
      if (!isOver) return false;
    }
    return true;
  }
}

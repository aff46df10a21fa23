import type { Clock } from '../clock/index.ts';

export interface WriteLimitOptions {
  /** Writes to one key each second, in the mean; a rested key takes as many at once. */
  readonly perSecond: number;
  /** Keys remembered; the one that was not written for longest is forgotten, and begins rested. */
  readonly keysMax?: number;
  readonly clock: Clock;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A bucket of tokens a key: what is written too often by one process would hold up the engine for all. */
export class WriteLimit {
  readonly #options: WriteLimitOptions;
  readonly #keysMax: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: WriteLimitOptions) {
    this.#options = options;
    this.#keysMax = options.keysMax ?? 8192;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Answers 0 when `key` may be written now, or the seconds after which it may. */
  take(key: string): number {
    const { perSecond, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const bucket = this.#buckets.get(key);
    if (!bucket) {
      this.#begin(key, { tokens: perSecond - 1, filledAtMs: nowMs });
      return 0;
    }
    bucket.tokens = Math.min(perSecond, bucket.tokens + ((nowMs - bucket.filledAtMs) / 1000) * perSecond);
    bucket.filledAtMs = nowMs;
    // In the order of use, so that the first is the one that rested longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return (1 - bucket.tokens) / perSecond;
    bucket.tokens--;
    return 0;
  }

  #begin(key: string, bucket: Bucket): void {
    this.#buckets.set(key, bucket);
    if (this.#buckets.size <= this.#keysMax) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}

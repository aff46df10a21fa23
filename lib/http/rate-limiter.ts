import { systemClock, type Clock } from '../clock/index.ts';

export interface RateLimit {
  /** Tokens that come back each second. */
  readonly perSecond: number;
  /** Tokens of a rested bucket. */
  readonly burst: number;
}

/** One bucket of tokens on a monotonic clock. */
export class TokenBucket {
  readonly #limit: RateLimit;
  #tokens: number;
  #filledAtMs: number;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes `tokens` if they are there. Answers 0, or the seconds after which they will be. */
  take(nowMs: number, tokens = 1): number {
    const { perSecond, burst } = this.#limit;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * perSecond);
    this.#filledAtMs = nowMs;
    if (this.#tokens < tokens) return (tokens - this.#tokens) / perSecond;
    this.#tokens -= tokens;
    return 0;
  }
}

export interface RateLimiterOptions extends RateLimit {
  /** Keys remembered at most; beyond, the one that was idle for longest is forgotten and counted. */
  readonly keysMax?: number;
  readonly clock?: Clock;
}

/** A bucket a key (address, user, route). */
export class RateLimiter {
  /** Requests refused since the start. */
  refused = 0;
  /** Keys forgotten at the bound. */
  evicted = 0;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #options: RateLimiterOptions;
  readonly #keysMax: number;
  readonly #clock: Clock;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.#keysMax = options.keysMax ?? 100_000;
    this.#clock = options.clock ?? systemClock;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Answers 0 when `key` may go on, or the seconds after which it may (for `Retry-After`). */
  take(key: string, tokens = 1): number {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#options, nowMs);
    // Re-inserting keeps the map in order of use.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#keysMax) this.#evict();
    const waitSeconds = bucket.take(nowMs, tokens);
    if (waitSeconds > 0) this.refused++;
    return waitSeconds;
  }

  #evict(): void {
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      this.evicted++;
      return;
    }
  }
}

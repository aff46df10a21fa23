export interface RetryOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Monotonic. */
  readonly nowMs?: () => number;
  readonly random?: () => number;
}

/**
 * Waits between tries: taken by chance from all of a bound ("full jitter"), so that those who lost the same node come
 * back spread evenly. The bound is the time that one has been away: it doubles on the average, but tries that were
 * refused at once do not lengthen it, so nobody is away for much longer than what he waits for. A server that names a
 * time is obeyed, and come back to spread over as long again.
 */
export class Retry {
  readonly #options: RetryOptions;
  #awaySinceMs: number | undefined;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  nextMs(retryAfterMs = 0): number {
    const { baseMs, maxMs, nowMs = () => performance.now(), random = Math.random } = this.#options;
    const atMs = nowMs();
    this.#awaySinceMs ??= atMs;
    const spreadMs = retryAfterMs > 0 ? retryAfterMs : atMs - this.#awaySinceMs;
    return Math.round(retryAfterMs + random() * Math.max(baseMs, Math.min(maxMs, spreadMs)));
  }

  reset(): void {
    this.#awaySinceMs = undefined;
  }
}

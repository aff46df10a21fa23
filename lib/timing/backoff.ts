export interface BackoffOptions {
  /** Bound of the first wait. */
  readonly initialMs: number;
  /** Bound of all waits. */
  readonly maxMs: number;
  readonly factor?: number;
  /** Between 0 and 1, for tests. */
  readonly random?: () => number;
}

/**
 * Waits that grow: each is taken by chance from the upper half of its bound, so that many who failed together do
 * not come back together, and none comes back at once.
 */
export class Backoff {
  /** Waits since the last reset. */
  attempts = 0;
  readonly #options: BackoffOptions;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait before the next attempt. */
  nextMs(): number {
    const { initialMs, maxMs, factor = 2, random = Math.random } = this.#options;
    const boundMs = Math.min(maxMs, initialMs * factor ** this.attempts);
    this.attempts++;
    return boundMs * (0.5 + random() / 2);
  }

  /** After a success the next wait is the shortest again. */
  reset(): void {
    this.attempts = 0;
  }

  /** Waits as long as `nextMs` says; rejects with the signal's reason when aborted. */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        if (signal?.aborted) reject(signal.reason as Error);
        else resolve();
      };
      const timer = setTimeout(done, this.nextMs());
      signal?.addEventListener('abort', done, { once: true });
      if (signal?.aborted) done();
    });
  }
}

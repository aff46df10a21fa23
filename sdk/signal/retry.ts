export interface RetryOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly random?: () => number;
}

/**
 * Waits between tries: taken by chance from all of a bound that doubles ("full jitter"), so that those who lost the
 * same node come back spread evenly; never before what the server asked for.
 */
export class Retry {
  readonly #options: RetryOptions;
  #tries = 0;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  nextMs(retryAfterMs = 0): number {
    const { baseMs, maxMs, random = Math.random } = this.#options;
    const boundMs = Math.min(maxMs, baseMs * 2 ** Math.min(this.#tries, 30));
    this.#tries++;
    return Math.round(retryAfterMs + random() * boundMs);
  }

  reset(): void {
    this.#tries = 0;
  }
}

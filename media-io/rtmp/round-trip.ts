/** Weight of a new sample, as in TCP (RFC 6298, 2.3). */
const sampleWeight = 1 / 8;
const valueRange = 2 ** 32;

export interface RoundTripOptions {
  readonly intervalMs: number;
  /** Sends a ping that comes back with this unsigned 32-bit value. */
  readonly ping: (value: number) => void;
}

/** Measures the way to a peer and back by pings, one under way at a time. */
export class RoundTrip implements Disposable {
  readonly #ping: (value: number) => void;
  readonly #timer: NodeJS.Timeout;
  #value = 0;
  #sentAtMs = -1;
  #smoothedMs: number | undefined;

  constructor({ intervalMs, ping }: RoundTripOptions) {
    this.#ping = ping;
    this.#timer = setInterval(() => this.#send(), intervalMs);
    this.#timer.unref();
    this.#send();
  }

  /** Smoothed; undefined until a ping was answered. */
  get ms(): number | undefined {
    return this.#smoothedMs;
  }

  /** Answers of earlier pings, or to none, do not count. */
  answered(value: number): void {
    if (value !== this.#value || this.#sentAtMs < 0) return;
    const sampleMs = performance.now() - this.#sentAtMs;
    this.#sentAtMs = -1;
    const before = this.#smoothedMs ?? sampleMs;
    this.#smoothedMs = before + (sampleMs - before) * sampleWeight;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #send(): void {
    this.#value = (this.#value + 1) % valueRange;
    this.#sentAtMs = performance.now();
    this.#ping(this.#value);
  }
}

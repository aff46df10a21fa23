/** An answer may wait until the peer next looks at what it was sent, so the quickest of so many tells the way best. */
const samplesMax = 6;
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
  readonly #samplesMs: number[] = [];

  constructor({ intervalMs, ping }: RoundTripOptions) {
    this.#ping = ping;
    this.#timer = setInterval(() => this.#send(), intervalMs);
    this.#timer.unref();
    this.#send();
  }

  /** The quickest of the last six; undefined until a ping was answered. */
  get ms(): number | undefined {
    return this.#samplesMs.length === 0 ? undefined : Math.min(...this.#samplesMs);
  }

  /** Answers of earlier pings, or to none, do not count. */
  answered(value: number): void {
    if (value !== this.#value || this.#sentAtMs < 0) return;
    this.#samplesMs.push(performance.now() - this.#sentAtMs);
    this.#sentAtMs = -1;
    if (this.#samplesMs.length > samplesMax) this.#samplesMs.shift();
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

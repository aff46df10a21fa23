/** Whole tokens at a rate, of which one second's worth may wait. Starts full; a clock that goes back adds none. */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #atMs = -Infinity;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  /** Takes up to `wanted`; answers how many there were. */
  take(wanted: number, nowMs: number): number {
    const sinceMs = nowMs - this.#atMs;
    if (sinceMs > 0) this.#tokens = Math.min(this.#perSecond, this.#tokens + this.#gain(sinceMs));
    this.#atMs = nowMs;
    const taken = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens -= taken;
    return taken;
  }

  /** A rate of zero stays zero, however long it is since the last time. */
  #gain(sinceMs: number): number {
    return this.#perSecond === 0 ? 0 : (sinceMs * this.#perSecond) / 1000;
  }
}

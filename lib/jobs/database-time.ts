import type { Clock } from '../clock/index.ts';

const freshMs = 60_000;

/**
 * The clock of the database, between the statements that tell it: all workers of a job tick by the same one,
 * whatever their own clocks say.
 */
export class DatabaseTime {
  readonly #clock: Clock;
  #aheadMs: number | undefined;
  #errorMs = Infinity;
  #heardMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wall clock of the database, ms since 1970; the own one until it has been heard. */
  nowMs(): number {
    return this.#aheadMs === undefined ? this.#clock.nowMs() : this.#clock.monotonicMs() + this.#aheadMs;
  }

  /** `nowMs` was read between the sending at `sentMs` (monotonic) and now; the surer reading counts, for a minute. */
  heard(nowMs: number, sentMs: number): void {
    const receivedMs = this.#clock.monotonicMs();
    const errorMs = (receivedMs - sentMs) / 2;
    if (errorMs > this.#errorMs && receivedMs - this.#heardMs < freshMs) return;
    this.#aheadMs = nowMs + errorMs - receivedMs;
    this.#errorMs = errorMs;
    this.#heardMs = receivedMs;
  }
}

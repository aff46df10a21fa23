import { monitorEventLoopDelay } from 'node:perf_hooks';

/** A timer that is looked at for being late; each time wakes a process that does nothing else. */
const resolutionMs = 20;

/** How late the event loop is. */
export class LoopDelay implements Disposable {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#delay.enable();
  }

  /** p99 since the last call, in ms. */
  takeP99Ms(): number {
    const lateMs = this.#delay.percentile(99) / 1e6 - resolutionMs;
    this.#delay.reset();
    return Math.max(0, lateMs);
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }
}

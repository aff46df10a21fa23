/** Where time comes from. Deadlines use `monotonicMs`, stamps that people read use `nowMs`. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds that never run backwards; the origin means nothing. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** How old the time of the coarse clock may be, while the event loop is not held up. */
const coarseMs = 1;

class CoarseClock implements Clock {
  #monotonicMs = 0;
  #isRead = false;
  #timer: NodeJS.Timeout | undefined;

  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    if (!this.#isRead) this.#read();
    return this.#monotonicMs;
  }

  #read(): void {
    this.#monotonicMs = performance.now();
    this.#isRead = true;
    if (this.#timer) this.#timer.refresh();
    else this.#timer = setTimeout(() => (this.#isRead = false), coarseMs).unref();
  }
}

/** `monotonicMs` up to 1 ms old: for hot paths, where asking the system costs more than all else. Idle without readers. */
export const coarseClock: Clock = new CoarseClock();

/** A clock that tests move by hand. */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }

  /** Sets the wall clock alone, as an operator or NTP would; monotonic time goes on undisturbed. */
  setWall(ms: number): void {
    this.#nowMs = ms;
  }
}

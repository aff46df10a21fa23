import type { Clock } from '@gala/lib/clock';

/** What is on its way to the clients of one room. */
export interface FanoutJob {
  /** Does at most about `budget` writes more; answers how many writes it cost. */
  advance(budget: number, nowMs: number): number;
  /** Nothing is left to write. */
  readonly isDone: boolean;
  finish(): void;
}

/** Writes between two turns of the event loop: about 3 ms of work (overview.md, "Threads and processes"). */
const writesPerTurn = 256;
/** Writes for one room before others get theirs. */
const writesPerSlice = 64;

/**
 * Writes to the clients of all rooms in turns, so that no room, however large, holds the event loop, and rooms take
 * turns, so that a small one does not wait for a large one. Edges have one of their own, since there a stream of high
 * priority goes before all others and joins go between. Bounded by its callers: a room has at most one job here.
 */
export class Fanout {
  readonly #clock: Clock;
  #jobs: FanoutJob[] = [];
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#jobs.length;
  }

  submit(job: FanoutJob): void {
    this.#jobs.push(job);
    this.#schedule();
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    const nowMs = this.#clock.monotonicMs();
    const jobs = this.#jobs;
    this.#jobs = [];
    let budget = writesPerTurn;
    let next = 0;
    const unfinished: FanoutJob[] = [];
    for (; next < jobs.length && budget > 0; next++) {
      const job = jobs[next];
      budget -= Math.max(1, job.advance(Math.min(budget, writesPerSlice), nowMs));
      if (job.isDone) job.finish();
      else unfinished.push(job);
    }
    // Those that have waited for longest come first; what was submitted meanwhile comes last.
    this.#jobs = [...jobs.slice(next), ...unfinished, ...this.#jobs];
    if (this.#jobs.length > 0) this.#schedule();
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }
}

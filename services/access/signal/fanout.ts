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
/** While clients wait to be accepted: libuv (1.52) accepts one a turn, and turns of 3 ms let 300 a second in. */
const writesPerShortTurn = 64;
/** When each of so many turns has brought a client, more of them wait. */
const turnsOfComing = 4;
/** Writes for one room before others get theirs. */
const writesPerSlice = 32;
/** Jobs that have had their turn and are still in the list. */
const servedMax = 1024;

/**
 * Writes to the clients of all rooms in turns, so that no room, however large, holds the event loop, and rooms take
 * turns, so that a small one does not wait for a large one. Edges have one of their own, since there a stream of high
 * priority goes before all others and joins go between. Bounded by its callers: a room has at most one job here.
 */
export class Fanout {
  readonly #clock: Clock;
  /** Those before `#next` have had their turn. */
  #jobs: FanoutJob[] = [];
  #next = 0;
  #scheduled = false;
  #hasClientCome = false;
  /** The last turns of which each brought one. */
  #turnsOfComing = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#jobs.length - this.#next;
  }

  submit(job: FanoutJob): void {
    this.#jobs.push(job);
    this.#schedule();
  }

  /** A client has come to the door. */
  clientCame(): void {
    this.#hasClientCome = true;
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    const nowMs = this.#clock.monotonicMs();
    for (let budget = this.#budget(); budget > 0 && this.size > 0;) {
      const job = this.#jobs[this.#next++];
      budget -= Math.max(1, job.advance(Math.min(budget, writesPerSlice), nowMs));
      if (job.isDone) job.finish();
      else this.#jobs.push(job);
    }
    this.#forgetServed();
    if (this.size > 0) this.#schedule();
  };

  #budget(): number {
    this.#turnsOfComing = this.#hasClientCome ? this.#turnsOfComing + 1 : 0;
    this.#hasClientCome = false;
    return this.#turnsOfComing < turnsOfComing ? writesPerTurn : writesPerShortTurn;
  }

  /** Not at each turn: with many rooms it is a long list. */
  #forgetServed(): void {
    if (this.size > 0 && this.#next < servedMax) return;
    this.#jobs = this.#jobs.slice(this.#next);
    this.#next = 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }
}

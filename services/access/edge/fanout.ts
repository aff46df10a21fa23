import type { Clock } from '@gala/lib/clock';
import type { Batch } from './batch.ts';
import type { Viewer } from './viewer.ts';

/** One batch on its way to the viewers of one audience. */
export interface FanoutJob {
  /** May only grow until `done`; closed viewers, and those that joined behind this batch, are passed over. */
  readonly viewers: readonly Viewer[];
  readonly batch: Batch;
  /** Realtime audiences go before all others. */
  readonly urgent: boolean;
  readonly done: () => void;
}

interface RunningJob {
  readonly job: FanoutJob;
  next: number;
}

/** Writes between two turns of the event loop: about 3 ms of work (overview.md, "Threads and processes"). */
const writesPerTurn = 256;
/** A group of pictures weighs as much as so many ticks. */
const writesPerJoin = 16;

/**
 * Writes batches to sockets in turns, so that no fan-out, however large, holds the event loop. Bounded by its
 * callers: an audience has at most one job here.
 */
export class Fanout {
  readonly #clock: Clock;
  readonly #urgent: RunningJob[] = [];
  readonly #normal: RunningJob[] = [];
  /** Viewers whose join is not whole; bounded by the viewers of the process. */
  #joining: Viewer[] = [];
  #scheduled = false;
  #running = false;
  /** Socket writes so far. */
  writes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get jobs(): number {
    return this.#urgent.length + this.#normal.length;
  }

  submit(job: FanoutJob): void {
    const isFirst = this.jobs === 0;
    (job.urgent ? this.#urgent : this.#normal).push({ job, next: 0 });
    if (isFirst && !this.#running) this.#turn();
  }

  /**
   * The rest of a join goes out at once if nothing else is to be done, else when ticks and the openings of others
   * have; at the latest before the viewer's first tick.
   */
  finishJoin(viewer: Viewer): void {
    if (this.#scheduled || this.#running) {
      this.#joining.push(viewer);
      return;
    }
    viewer.finishJoin();
    this.#schedule();
  }

  #turn(): void {
    this.#running = true;
    let budget = writesPerTurn;
    const nowMs = this.#clock.monotonicMs();
    for (let running = this.#front(); running && budget > 0; running = this.#front()) {
      budget -= this.#advance(running, budget, nowMs);
    }
    this.#finishJoins(budget);
    this.#running = false;
    if (this.jobs > 0 || this.#joining.length > 0) this.#schedule();
  }

  #front(): RunningJob | undefined {
    return this.#urgent[0] ?? this.#normal[0];
  }

  /** Delivers up to `budget` viewers further; answers how many. */
  #advance(running: RunningJob, budget: number, nowMs: number): number {
    const { viewers, batch, done } = running.job;
    const from = running.next;
    const to = Math.min(viewers.length, from + budget);
    for (let index = from; index < to; index++) viewers[index].deliver(batch, nowMs);
    running.next = to;
    this.writes += to - from;
    if (to === viewers.length) {
      (running.job.urgent ? this.#urgent : this.#normal).shift();
      done();
    }
    return Math.max(1, to - from);
  }

  /** At least one a turn, so that no load keeps them waiting for good. */
  #finishJoins(budget: number): void {
    const count = Math.max(1, Math.floor(budget / writesPerJoin));
    for (const viewer of this.#joining.splice(0, count)) viewer.finishJoin();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#scheduled = false;
    this.#turn();
  };
}

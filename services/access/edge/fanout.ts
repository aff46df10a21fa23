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

/**
 * Writes batches to sockets in turns, so that no fan-out, however large, holds the event loop. Bounded by its
 * callers: an audience has at most one job here.
 */
export class Fanout {
  readonly #clock: Clock;
  readonly #urgent: RunningJob[] = [];
  readonly #normal: RunningJob[] = [];
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
    (job.urgent ? this.#urgent : this.#normal).push({ job, next: 0 });
    if (!this.#scheduled && !this.#running) this.#turn();
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#running = true;
    let budget = writesPerTurn;
    const nowMs = this.#clock.monotonicMs();
    for (let running = this.#front(); running && budget > 0; running = this.#front()) {
      budget -= this.#advance(running, budget, nowMs);
    }
    this.#running = false;
    if (this.jobs > 0) this.#schedule();
  };

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

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(this.#turn);
  }
}

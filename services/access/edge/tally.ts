import type { Clock } from '@gala/lib/clock';
import type { Histogram } from '@gala/lib/metrics';
import type { Framing } from './payload.ts';
import type { ViewerCounters } from './viewer.ts';

export interface TallyOptions {
  readonly clock: Clock;
  /** Of the process. */
  readonly counters: ViewerCounters;
  readonly joinSeconds: Histogram;
  /** False while nothing is counted (the switch `playCounts`). */
  readonly countsPlays: () => boolean;
}

/**
 * What became of the bytes of a stream at one latency: one object that all such viewers share, so that counting
 * costs a viewer nothing. What was shed is counted for the process as well.
 */
export class Tally implements ViewerCounters {
  /** Written to viewers, joins included. */
  bytesOut = 0;
  disposableShed = 0;
  picturesShed = 0;
  batchesShed = 0;
  viewersEvicted = 0;
  /** Viewers that got their first bytes. */
  plays = 0;
  /** Viewers that are here, those that wait for a first picture too. */
  readonly viewers: Record<Framing, number> = { flv: 0, webSocket: 0, rtmp: 0 };
  readonly #process: ViewerCounters;
  readonly #options: TallyOptions;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#process = options.counters;
  }

  /** A viewer that asked at this monotonic time has its first bytes. */
  begun(askedAtMs: number): void {
    const { clock, joinSeconds } = this.#options;
    this.countPlay();
    joinSeconds.observe((clock.monotonicMs() - askedAtMs) / 1000);
  }

  countPlay(): void {
    if (this.#options.countsPlays()) this.plays++;
  }

  shedDisposable(): void {
    this.disposableShed++;
    this.#process.disposableShed++;
  }

  shedPictures(): void {
    this.picturesShed++;
    this.#process.picturesShed++;
  }

  shedBatch(): void {
    this.batchesShed++;
    this.#process.batchesShed++;
  }

  evict(): void {
    this.viewersEvicted++;
    this.#process.viewersEvicted++;
  }
}

import type { Signal } from '@gala/protocol/signals';
import { isLine } from './line-cap.ts';

/** Signals that wait for their place in the stream; what comes above that is only in the list. */
const waitingMax = 500;
/** What is so late is drawn at once still; what is later is only in the list. */
const lateMsMax = 5_000;
/** A place that is so far ahead is none that the player will reach soon. */
const aheadMsMax = 60_000;

/** Holds what is drawn over the picture until the player is where the author was. Pure: the caller brings the place. */
export class Overlay {
  /** By their place, first ones first. */
  #waiting: Signal[] = [];
  readonly counters = { late: 0, ahead: 0, overflows: 0 };

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** What of these is drawn at once: nothing plays, no place is known, or the player is there already. */
  add(signals: readonly Signal[], mediaMs: number | undefined): Signal[] {
    return signals.filter((signal) => {
      if (!isLine(signal) && signal.type !== 'like') return false;
      if (mediaMs === undefined || signal.mediaMs === undefined) return true;
      const aheadMs = signal.mediaMs - mediaMs;
      if (aheadMs > 0) this.#wait(signal, aheadMs);
      else if (-aheadMs > lateMsMax) this.counters.late++;
      else return true;
      return false;
    });
  }

  /** What the player has reached. */
  due(mediaMs: number | undefined): Signal[] {
    const isDue = ({ mediaMs: placeMs = 0 }: Signal): boolean => mediaMs === undefined || placeMs <= mediaMs;
    const due = this.#waiting.filter(isDue);
    if (due.length > 0) this.#waiting = this.#waiting.filter((signal) => !isDue(signal));
    return due.filter(({ mediaMs: placeMs = 0 }) => {
      const isLate = mediaMs !== undefined && mediaMs - placeMs > lateMsMax;
      if (isLate) this.counters.late++;
      return !isLate;
    });
  }

  /** What is taken back is not drawn any more. */
  remove(isGone: (signal: Signal) => boolean): void {
    this.#waiting = this.#waiting.filter((signal) => !isGone(signal));
  }

  #wait(signal: Signal, aheadMs: number): void {
    if (aheadMs > aheadMsMax) this.counters.ahead++;
    else if (this.#waiting.length >= waitingMax) this.counters.overflows++;
    else {
      let index = this.#waiting.length;
      while (index > 0 && (this.#waiting[index - 1].mediaMs ?? 0) > (signal.mediaMs ?? 0)) index--;
      this.#waiting.splice(index, 0, signal);
    }
  }
}

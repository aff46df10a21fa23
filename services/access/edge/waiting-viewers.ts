import type { Viewer } from './viewer.ts';

export interface WaitingViewersOptions {
  /** How long a viewer waits at most; then it is closed. */
  readonly waitMsMax: number;
  /** Told of each viewer that waited in vain. */
  readonly onExpired: () => void;
}

/** Viewers of a stream that does not know its tracks yet. Their number is bounded by the limits on viewers. */
export class WaitingViewers {
  readonly #options: WaitingViewersOptions;
  readonly #timers = new Map<Viewer, NodeJS.Timeout>();

  constructor(options: WaitingViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#timers.size;
  }

  add(viewer: Viewer): void {
    const { waitMsMax, onExpired } = this.#options;
    const expire = (): void => {
      onExpired();
      viewer.end();
    };
    this.#timers.set(viewer, setTimeout(expire, waitMsMax));
  }

  /** True if the viewer was waiting. */
  remove(viewer: Viewer): boolean {
    clearTimeout(this.#timers.get(viewer));
    return this.#timers.delete(viewer);
  }

  [Symbol.iterator](): IterableIterator<Viewer> {
    return this.#timers.keys();
  }

  /** All that still wait; nobody does afterwards but those who are being closed. */
  take(): Viewer[] {
    const viewers = [...this.#timers.keys()].filter(({ closed }) => !closed);
    for (const viewer of viewers) this.remove(viewer);
    return viewers;
  }
}

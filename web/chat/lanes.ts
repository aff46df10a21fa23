export interface LanesOptions {
  readonly lanes: number;
  readonly widthPx: number;
  /** From when a line's head comes in at the right until its tail is gone at the left. */
  readonly crossMs: number;
  /** Between two lines that follow each other. */
  readonly gapPx: number;
}

interface Lane {
  /** The last line's tail is in, with the gap behind it. */
  enteredAtMs: number;
  leavesAtMs: number;
}

/**
 * Places for lines that cross a picture from right to left. All take as long, so that longer ones are faster: a line
 * may follow another when that one is wholly in, and when it will not catch up with it before the left edge.
 */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes: Lane[];

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.lanes }, () => ({ enteredAtMs: 0, leavesAtMs: 0 }));
  }

  /** The uppermost lane that takes a line of this width now; undefined while none does. */
  take(linePx: number, nowMs: number): number | undefined {
    const { widthPx, crossMs, gapPx } = this.#options;
    const pxPerMs = (widthPx + linePx) / crossMs;
    const reachesLeftAtMs = nowMs + widthPx / pxPerMs;
    const index = this.#lanes.findIndex(
      ({ enteredAtMs, leavesAtMs }) => enteredAtMs <= nowMs && leavesAtMs <= reachesLeftAtMs,
    );
    const lane = this.#lanes[index];
    if (!lane) return undefined;
    lane.enteredAtMs = nowMs + (linePx + gapPx) / pxPerMs;
    lane.leavesAtMs = nowMs + crossMs;
    return index;
  }

  /** The uppermost empty lane, for a line that stands still in it; undefined while none is. */
  occupy(standMs: number, nowMs: number): number | undefined {
    const index = this.#lanes.findIndex(({ leavesAtMs }) => leavesAtMs <= nowMs);
    const lane = this.#lanes[index];
    if (!lane) return undefined;
    lane.enteredAtMs = lane.leavesAtMs = nowMs + standMs;
    return index;
  }
}

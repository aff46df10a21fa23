import type { Line } from './line.ts';

/** In the order in which lines are to be shown while there is place. */
interface Placed {
  readonly line: Line;
  /** Lines of the same author that go before it, those of the last seconds included. */
  readonly before: number;
  readonly lot: number;
}

export interface FairOrderOptions {
  readonly forMs: number;
  /** 0 to 1. */
  readonly random: () => number;
}

/**
 * Whose line is shown when not all can be: first those of authors of whom least was shown lately, among equals by lot.
 * Remembers only authors of lines that were chosen, so the rates of lines bound it.
 */
export class FairOrder {
  readonly #options: FairOrderOptions;
  #recent = new Map<number | string, number>();
  #older = new Map<number | string, number>();
  #turnedAtMs = -Infinity;

  constructor(options: FairOrderOptions) {
    this.#options = options;
  }

  order(lines: readonly Line[], nowMs: number): Line[] {
    this.#turn(nowMs);
    const before = new Map<number | string, number>();
    const placed = lines.map((line): Placed => {
      const known = before.get(line.author) ?? this.#shownOf(line.author);
      before.set(line.author, known + 1);
      return { line, before: known, lot: this.#options.random() };
    });
    return placed.sort((a, b) => a.before - b.before || a.lot - b.lot).map(({ line }) => line);
  }

  chosen({ author }: Line): void {
    this.#recent.set(author, (this.#recent.get(author) ?? 0) + 1);
  }

  #shownOf(author: number | string): number {
    return (this.#recent.get(author) ?? 0) + (this.#older.get(author) ?? 0);
  }

  #turn(nowMs: number): void {
    const sinceMs = nowMs - this.#turnedAtMs;
    if (sinceMs < this.#options.forMs) return;
    this.#older = sinceMs < 2 * this.#options.forMs ? this.#recent : new Map();
    this.#recent = new Map();
    this.#turnedAtMs = nowMs;
  }
}

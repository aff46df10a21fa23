import { signalClasses, type Author, type Signal, type SignalClass } from '@gala/protocol/signals';

const windowMs = 1000;
/** Part of the lines that a class leaves for those above it, which may come later in the same second. */
const reserved: Readonly<Record<SignalClass, number>> = {
  control: 0,
  money: 0,
  host: 0,
  member: 0.1,
  system: 0.25,
  ambient: 0.5,
};
/** Authors whose lines are remembered, and how long: who was shown least is shown first. */
const authorsMax = 2000;
const authorMemoryMs = 10_000;

export interface LineCapOptions {
  readonly linesPerSecondMax: number;
  readonly random?: () => number;
  /** What is shown whatever the cap says: what oneself has said. */
  readonly isOwn?: (signal: Signal) => boolean;
}

/**
 * Picks what one screen shows: so many lines in any second, filled by class, then by who had the fewest lines, then by
 * chance. Control, money and one's own are always shown and use up lines like all others; what is no line (likes,
 * retractions, rules) passes. Pure but for `random`.
 */
export class LineCap {
  readonly #options: LineCapOptions;
  #shown: { readonly atMs: number; readonly lines: number }[] = [];
  #linesOf = new Map<string, number>();
  #linesBefore = new Map<string, number>();
  #turnedAtMs = -Infinity;

  constructor(options: LineCapOptions) {
    this.#options = options;
  }

  /** Those that are shown, in their order. `nowMs` never runs backwards. */
  pick(signals: readonly Signal[], nowMs: number): readonly Signal[] {
    this.#forget(nowMs);
    const lines = signals.filter(isLine);
    if (lines.length === 0) return signals;
    const free = lines.filter((signal) => this.#isFree(signal));
    const used = this.#shown.reduce((sum, { lines }) => sum + lines, 0) + free.length;
    const chosen = new Set<Signal>([...free, ...this.#choose(lines, used)]);
    for (const signal of chosen) this.#note(signal);
    if (chosen.size > 0) this.#shown.push({ atMs: nowMs, lines: chosen.size });
    return signals.filter((signal) => chosen.has(signal) || !isLine(signal));
  }

  #choose(lines: readonly Signal[], usedBefore: number): Signal[] {
    const { linesPerSecondMax: max } = this.#options;
    const chosen: Signal[] = [];
    for (const signalClass of signalClasses) {
      const ofClass = lines.filter((signal) => signal.class === signalClass && !this.#isFree(signal));
      const room = Math.floor(max * (1 - reserved[signalClass])) - usedBefore - chosen.length;
      if (room > 0) chosen.push(...this.#inFairOrder(ofClass).slice(0, room));
    }
    return chosen;
  }

  /** First one of everybody, those with the fewest lines lately first; then second ones. */
  #inFairOrder(signals: readonly Signal[]): Signal[] {
    const { random = Math.random } = this.#options;
    const more = new Map<string, number>();
    const ranked = signals.map((signal) => {
      const author = authorOf(signal);
      const nth = more.get(author) ?? 0;
      more.set(author, nth + 1);
      return { signal, rank: nth + this.#linesLately(author), chance: random() };
    });
    return ranked
      .sort((one, other) => one.rank - other.rank || one.chance - other.chance)
      .map(({ signal }) => signal);
  }

  #linesLately(author: string): number {
    return (this.#linesOf.get(author) ?? 0) + (this.#linesBefore.get(author) ?? 0);
  }

  #isFree(signal: Signal): boolean {
    return signal.class === 'control' || signal.class === 'money' || this.#options.isOwn?.(signal) === true;
  }

  #note(signal: Signal): void {
    const author = authorOf(signal);
    if (this.#linesOf.size >= authorsMax && !this.#linesOf.has(author)) return;
    this.#linesOf.set(author, (this.#linesOf.get(author) ?? 0) + 1);
  }

  #forget(nowMs: number): void {
    this.#shown = this.#shown.filter(({ atMs }) => atMs > nowMs - windowMs);
    if (nowMs - this.#turnedAtMs < authorMemoryMs) return;
    this.#turnedAtMs = nowMs;
    this.#linesBefore = this.#linesOf;
    this.#linesOf = new Map();
  }
}

/** Whether it takes a line of the list. */
export function isLine({ type }: Signal): boolean {
  return type === 'comment' || type === 'enter' || type === 'follow' || type === 'gift' || type === 'notice';
}

function authorOf(signal: Signal): string {
  const author: Author | undefined = 'author' in signal ? signal.author : undefined;
  return author ? `${author.userId} ${author.name}` : '';
}

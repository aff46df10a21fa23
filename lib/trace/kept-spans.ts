import type { SpanRecord } from './span.ts';

/** What is asked for of the spans that are kept; all of them unless told. */
export interface SpanFilter {
  readonly name?: string;
  readonly traceIds?: ReadonlySet<string>;
}

interface Kept {
  readonly span: SpanRecord;
  /** Grows with every span. */
  readonly serial: number;
}

/**
 * The last spans of this process. When it is full, the oldest span of the most frequent name goes for a new one: the
 * publish of an hour ago stays, however many requests there have been since. Names are written in code, so they are few.
 */
export class KeptSpans {
  readonly #spansMax: number;
  /** Oldest first; no name without spans. */
  readonly #byName = new Map<string, Kept[]>();
  #size = 0;
  #serial = 0;
  /** Spans that have gone. */
  overwrites = 0;

  constructor(spansMax: number) {
    this.#spansMax = spansMax;
  }

  add(span: SpanRecord): void {
    const kept = { span, serial: this.#serial++ };
    const same = this.#byName.get(span.name);
    if (same) same.push(kept);
    else this.#byName.set(span.name, [kept]);
    if (++this.#size > this.#spansMax) this.#dropOne();
  }

  /** Spans of one trace, in the order of their starts. */
  trace(traceId: string): SpanRecord[] {
    const found = this.recent(this.#size, { traceIds: new Set([traceId]) });
    return found.sort((one, two) => one.startMs - two.startMs);
  }

  /** The newest spans that fit, newest first. */
  recent(countMax: number, { name, traceIds }: SpanFilter = {}): SpanRecord[] {
    const named = name === undefined ? [...this.#byName.values()].flat() : (this.#byName.get(name) ?? []);
    return named
      .filter(({ span }) => traceIds?.has(span.traceId) ?? true)
      .sort((one, two) => two.serial - one.serial)
      .slice(0, countMax)
      .map(({ span }) => span);
  }

  #dropOne(): void {
    let longest: [string, Kept[]] | undefined;
    for (const one of this.#byName) if (one[1].length > (longest?.[1].length ?? 0)) longest = one;
    const [name, spans] = longest!;
    spans.shift();
    if (spans.length === 0) this.#byName.delete(name);
    this.#size--;
    this.overwrites++;
  }
}

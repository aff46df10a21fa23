import type { SpanRecord } from './span.ts';

/** The last spans of this process; an older one goes for each new one when it is full. */
export class SpanRing {
  readonly #spans: (SpanRecord | undefined)[];
  #next = 0;
  /** Spans that have gone. */
  overwrites = 0;

  constructor(spansMax: number) {
    this.#spans = Array.from({ length: spansMax });
  }

  add(span: SpanRecord): void {
    if (this.#spans[this.#next]) this.overwrites++;
    this.#spans[this.#next] = span;
    this.#next = (this.#next + 1) % this.#spans.length;
  }

  /** Spans of one trace, in the order of their starts. */
  trace(traceId: string): SpanRecord[] {
    return this.#newestFirst()
      .filter((span) => span.traceId === traceId)
      .sort((one, two) => one.startMs - two.startMs);
  }

  /** The newest spans, newest first. */
  recent(countMax: number): SpanRecord[] {
    return this.#newestFirst().slice(0, countMax);
  }

  #newestFirst(): SpanRecord[] {
    const inOrder = [...this.#spans.slice(this.#next), ...this.#spans.slice(0, this.#next)];
    return inOrder.filter((span) => span !== undefined).reverse();
  }
}

import type { Clock } from '../clock/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { KeptSpans, type SpanFilter } from './kept-spans.ts';
import { Span, type AttributeValue, type SpanOwner, type SpanRecord } from './span.ts';
import { isTraceSampled, parseTraceparent, randomTraceId, type TraceContext } from './traceparent.ts';

export interface TracerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Share of traces that are recorded from their first span on; 0.01 unless told. */
  readonly sampleShare?: number;
  /** Spans that take this long are recorded, sampled or not. */
  readonly slowMs?: number;
  /** Spans kept in this process; above it the oldest of the most frequent name goes. */
  readonly spansMax?: number;
}

export interface SpanOptions {
  /** The span before it, or the `traceparent` that came with a call; one that is not valid begins a new trace. */
  readonly parent?: TraceContext | string | undefined;
  /** False: the parent comes from outside, so that our own share decides about the sampling of its trace. */
  readonly isParentTrusted?: boolean;
  /** True: recorded whatever the share says, as for money. Counts where a trace begins. */
  readonly isSampled?: boolean;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/** Told of every recorded span, for export; must not wait. What it throws is counted. */
export type SpanListener = (span: SpanRecord) => void;

/** Makes spans and keeps those that are sampled, failed or slow; the others cost no more than their object. */
export class Tracer {
  readonly #options: TracerOptions;
  readonly #kept: KeptSpans;
  readonly #listeners = new Set<SpanListener>();
  readonly #counters: Record<'started' | 'recorded' | 'attributesDropped' | 'exportFailures', number>;
  readonly #owner: SpanOwner;

  constructor(options: TracerOptions) {
    const { clock, metrics, spansMax = 4096 } = options;
    this.#options = options;
    this.#kept = new KeptSpans(spansMax);
    const names = ['started', 'recorded', 'attributesDropped', 'exportFailures'] as const;
    this.#counters = metrics.counters('trace', names);
    metrics.gauge('gala_trace_overwrites', 'spans that left the memory', () => this.#kept.overwrites);
    this.#owner = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      ended: (span) => this.#ended(span),
      attributeDropped: () => void this.#counters.attributesDropped++,
      startChild: (name, parent) => this.start(name, { parent }),
    };
  }

  start(name: string, options: SpanOptions = {}): Span {
    const parent = this.#parentOf(options);
    this.#counters.started++;
    const span = new Span(this.#owner, name, parent ? childOf(parent) : this.#root(options));
    for (const [key, value] of Object.entries(options.attributes ?? {})) span.set(key, value);
    return span;
  }

  /** Runs `work` in a span that ends with it and fails with its error. */
  async run<Result>(
    name: string,
    options: SpanOptions,
    work: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    using span = this.start(name, options);
    try {
      return await work(span);
    } catch (error) {
      span.fail(error);
      throw error;
    }
  }

  /** What this process knows of a trace, in the order of the starts. */
  trace(traceId: string): SpanRecord[] {
    return this.#kept.trace(traceId);
  }

  /** The newest recorded spans that fit, newest first. */
  recent(countMax: number, filter?: SpanFilter): SpanRecord[] {
    return this.#kept.recent(countMax, filter);
  }

  /** Returns the function that stops it. */
  onSpan(listener: SpanListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #parentOf({ parent, isParentTrusted = true }: SpanOptions): TraceContext | undefined {
    const context = typeof parent === 'string' ? parseTraceparent(parent) : parent;
    if (!context || isParentTrusted) return context;
    const { traceId, spanId } = context;
    // Who sends the id could choose one that is sampled.
    return { traceId, spanId, isSampled: this.#isSampled(randomTraceId()) };
  }

  #root({ isSampled }: SpanOptions): { traceId: string; isSampled: boolean } {
    const traceId = randomTraceId();
    return { traceId, isSampled: isSampled ?? this.#isSampled(traceId) };
  }

  #isSampled(traceId: string): boolean {
    return isTraceSampled(traceId, this.#options.sampleShare ?? 0.01);
  }

  #ended(span: Span): void {
    const isSlow = span.durationMs >= (this.#options.slowMs ?? Infinity);
    if (!span.isSampled && !span.error && !isSlow) return;
    this.#counters.recorded++;
    const record = span.toRecord();
    this.#kept.add(record);
    for (const listener of this.#listeners) this.#tell(listener, record);
  }

  #tell(listener: SpanListener, record: SpanRecord): void {
    try {
      listener(record);
    } catch (error) {
      if (this.#counters.exportFailures++ === 0) this.#options.logger.error({ error }, 'span export failed');
    }
  }
}

function childOf({ traceId, spanId, isSampled }: TraceContext): {
  traceId: string;
  parentId: string;
  isSampled: boolean;
} {
  return { traceId, parentId: spanId, isSampled };
}

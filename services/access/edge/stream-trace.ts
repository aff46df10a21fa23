import type { Span, TraceContext, Tracer } from '@gala/lib/trace';

/** Joins of one publisher's viewers that get a span: enough to see the way of the media, however many come. */
const joinsMax = 16;

/** What has brought a stream here: its publish, or the pull from another edge. */
export class StreamTrace {
  readonly context: TraceContext;
  readonly traceparent: string;
  readonly #tracer: Tracer;
  readonly #picture: Span;
  #joins = 0;

  constructor(tracer: Tracer, span: Span) {
    this.#tracer = tracer;
    this.traceparent = span.traceparent;
    this.context = { traceId: span.traceId, spanId: span.spanId, isSampled: span.isSampled };
    this.#picture = tracer.start('first.picture', { parent: this.context });
  }

  /** The first key frame since then has come. */
  pictureIn(): void {
    this.#picture.end();
  }

  /** The joins of viewers that stand for all of them, while the trace is recorded at all. */
  joined(attributes: Readonly<Record<string, string | number>>): void {
    if (!this.context.isSampled || this.#joins >= joinsMax) return;
    this.#joins++;
    this.#tracer.start('viewer.join', { parent: this.context, attributes }).end();
  }
}

import { codeOf } from '../error/index.ts';
import { formatTraceparent, randomSpanId, type TraceContext } from './traceparent.ts';

export type AttributeValue = string | number | boolean;

/** A finished span, ready for JSON. */
export interface SpanRecord {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Absent in the first span of a trace. */
  readonly parentId?: string;
  /** Wall clock, ms since 1970. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Code and message of what it failed with. */
  readonly error?: { readonly code: string; readonly message: string };
}

export const attributesMax = 32;
const keyCharsMax = 64;
const textCharsMax = 256;

/** What a span is to its tracer. */
export interface SpanOwner {
  nowMs(): number;
  monotonicMs(): number;
  ended(span: Span): void;
  attributeDropped(): void;
  startChild(name: string, parent: TraceContext): Span;
}

/**
 * A piece of work in a trace. It is passed on explicitly: `traceparent` in calls to others, `child` in the own
 * process. Ended once; `using` does it. Attributes beyond 32 are dropped and counted, long texts are cut.
 */
export class Span implements TraceContext, Disposable {
  readonly name: string;
  readonly traceId: string;
  readonly spanId = randomSpanId();
  readonly parentId: string | undefined;
  readonly isSampled: boolean;
  readonly startMs: number;
  /** -1 until it has ended. */
  durationMs = -1;
  error: SpanRecord['error'];
  readonly #owner: SpanOwner;
  readonly #startMonotonicMs: number;
  #attributes: Record<string, AttributeValue> | undefined;
  #attributeCount = 0;

  constructor(owner: SpanOwner, name: string, context: Omit<TraceContext, 'spanId'> & { parentId?: string }) {
    this.name = name;
    this.traceId = context.traceId;
    this.parentId = context.parentId;
    this.isSampled = context.isSampled;
    this.#owner = owner;
    this.startMs = owner.nowMs();
    this.#startMonotonicMs = owner.monotonicMs();
  }

  /** For headers and `CallOptions.traceparent`. */
  get traceparent(): string {
    return formatTraceparent(this);
  }

  child(name: string): Span {
    return this.#owner.startChild(name, this);
  }

  set(key: string, value: AttributeValue): this {
    const attributes = (this.#attributes ??= Object.create(null) as Record<string, AttributeValue>);
    const name = key.slice(0, keyCharsMax);
    if (!(name in attributes) && this.#attributeCount++ >= attributesMax) {
      this.#attributeCount = attributesMax;
      this.#owner.attributeDropped();
      return this;
    }
    attributes[name] = typeof value === 'string' ? value.slice(0, textCharsMax) : value;
    return this;
  }

  /** A span with an error is always recorded, sampled or not. */
  fail(error: unknown): this {
    const message = error instanceof Error ? error.message : String(error);
    const code = codeOf(error);
    this.error = { code, message: message.slice(0, textCharsMax) };
    return this;
  }

  /** Once; a second time changes nothing. */
  end(): void {
    if (this.durationMs >= 0) return;
    this.durationMs = this.#owner.monotonicMs() - this.#startMonotonicMs;
    this.#owner.ended(this);
  }

  [Symbol.dispose](): void {
    this.end();
  }

  toRecord(): SpanRecord {
    const { name, traceId, spanId, parentId, startMs, durationMs, error } = this;
    const record = { name, traceId, spanId, startMs, durationMs, attributes: { ...this.#attributes } };
    return { ...record, ...(parentId && { parentId }), ...(error && { error }) };
  }
}

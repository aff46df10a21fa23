export type { AttributeValue, Span, SpanRecord } from './span.ts';
export { Tracer, type SpanListener, type SpanOptions, type TracerOptions } from './tracer.ts';
export { formatTraceparent, parseTraceparent, type TraceContext } from './traceparent.ts';

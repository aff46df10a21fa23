import type { AttributeValue, SpanRecord } from '@gala/lib/trace';

/** Severities of `Status.code` (opentelemetry-proto, trace/v1). */
const statusError = 2;
const spanKindInternal = 1;

/**
 * The body of an OTLP/HTTP export of spans in its JSON encoding (opentelemetry-proto, collector/trace/v1): ids in
 * hex, times and 64-bit integers as decimal text.
 */
export function encodeOtlp(spans: readonly SpanRecord[], resource: Readonly<Record<string, string>>): string {
  const scopeSpans = [{ scope: { name: 'gala' }, spans: spans.map(encodeSpan) }];
  return JSON.stringify({
    resourceSpans: [{ resource: { attributes: encodeAttributes(resource) }, scopeSpans }],
  });
}

function encodeSpan(span: SpanRecord): object {
  const { name, traceId, spanId, parentId, startMs, durationMs, attributes, error } = span;
  const status = error && { code: statusError, message: `${error.code}: ${error.message}` };
  return {
    traceId,
    spanId,
    ...(parentId && { parentSpanId: parentId }),
    name,
    kind: spanKindInternal,
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(startMs + durationMs),
    attributes: encodeAttributes(attributes),
    ...(status && { status }),
  };
}

function encodeAttributes(attributes: Readonly<Record<string, AttributeValue>>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }));
}

function encodeValue(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Microseconds are what the clock knows. */
function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}

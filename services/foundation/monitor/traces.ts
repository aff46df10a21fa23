import { CodedError } from '@gala/lib/error';
import type { Context } from '@gala/lib/lifecycle';
import type { SpanRecord } from '@gala/lib/trace';
import { commonErrors } from '@gala/protocol/errors';
import { TraceService } from '@gala/protocol/trace';

/** Spans of one answer, which also bounds its bytes: a span is 10 KiB at most, and mostly below 500 bytes. Also the bound of traces that are asked for. */
const spansMax = 1_000;

/** Answers for the spans of this process. */
export function serveTraces({
  processName,
  rpc,
  tracer,
}: Pick<Context, 'processName' | 'rpc' | 'tracer'>): Promise<AsyncDisposable> {
  const wire = (span: SpanRecord) => wireSpan(span, processName);
  return rpc.serve(TraceService, {
    getTrace: async ({ traceId }) => ({ spans: tracer.trace(traceId).slice(0, spansMax).map(wire) }),
    recentSpans: async ({ limit, name, traceIds }) => {
      const isBounded = limit >= 1 && limit <= spansMax && traceIds.length <= spansMax;
      if (!isBounded) throw new CodedError(commonErrors, 'INVALID_REQUEST');
      const filter = { ...(name && { name }), ...(traceIds.length > 0 && { traceIds: new Set(traceIds) }) };
      return { spans: tracer.recent(limit, filter).map(wire) };
    },
  });
}

function wireSpan(span: SpanRecord, process: string) {
  const { name, traceId, spanId, parentId = '', startMs, durationMs, attributes, error } = span;
  const texts = Object.entries(attributes).map(([key, value]) => [key, String(value)] as const);
  return {
    name,
    process,
    traceId,
    spanId,
    parentId,
    startMs,
    durationMs,
    attributes: Object.fromEntries(texts),
    errorCode: error?.code ?? '',
    errorMessage: error?.message ?? '',
  };
}

import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { Span, TraceSummary } from '@gala/protocol/rest';
import type { Span as KeptSpan } from '@gala/protocol/trace';
import type { Handlers } from './call.ts';
import type { Parts } from './parts.ts';

/** Newest spans that each process is asked for: the traces that end latest are among them. */
const recentSpansMax = 1_000;

/** Traces, put together from the spans that the processes keep. */
export function traceHandlers({ traces }: Parts): Pick<Handlers, 'listTraces' | 'getTrace'> {
  return {
    listTraces: async ({ query: { limit }, rpc }) => {
      const { answers, unreachable } = await traces.ask(rpc, (member, options) =>
        member.recentSpans({ limit: recentSpansMax }, options),
      );
      const spans = answers.flatMap(({ answer }) => answer.spans);
      const found = [...Map.groupBy(spans, ({ traceId }) => traceId).values()].map(summarize);
      const newest = found.toSorted((a, b) => b.startMs - a.startMs).slice(0, limit);
      return { body: { traces: newest, unreachable } };
    },
    getTrace: async ({ params: { traceId }, rpc }) => {
      const { answers, unreachable } = await traces.ask(rpc, (member, options) =>
        member.getTrace({ traceId }, options),
      );
      const spans = answers.flatMap(({ answer }) => answer.spans);
      if (spans.length === 0 && unreachable.length === 0) throw new CodedError(protocolErrors, 'NOT_FOUND');
      const sorted = spans.toSorted((a, b) => a.startMs - b.startMs);
      return { body: { traceId, spans: sorted.map(restSpan), unreachable } };
    },
  };
}

function summarize(spans: readonly KeptSpan[]): TraceSummary {
  const sorted = spans.toSorted((a, b) => a.startMs - b.startMs);
  const { traceId, name, process, startMs } = sorted.find(({ parentId }) => parentId === '') ?? sorted[0];
  const endMs = Math.max(...spans.map((span) => span.startMs + span.durationMs));
  return {
    traceId,
    name,
    process,
    startMs,
    durationMs: endMs - startMs,
    spans: spans.length,
    failed: spans.some(({ errorCode }) => errorCode !== ''),
  };
}

function restSpan(span: KeptSpan): Span {
  const { name, process, spanId, parentId, startMs, durationMs, attributes } = span;
  return {
    name,
    process,
    spanId,
    ...(parentId && { parentId }),
    startMs,
    durationMs,
    attributes: { ...attributes },
    ...(span.errorCode && { error: { code: span.errorCode, message: span.errorMessage } }),
  };
}

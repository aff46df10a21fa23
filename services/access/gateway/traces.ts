import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { Span, TraceSummary } from '@gala/protocol/rest';
import type { Span as KeptSpan } from '@gala/protocol/trace';
import type { Call, Handlers } from './call.ts';
import type { Parts } from './parts.ts';

/** Newest spans that each process is asked for: the traces that end latest are among them. */
const recentSpansMax = 1_000;

/** What the processes answered, put together. */
interface Found {
  readonly spans: readonly KeptSpan[];
  readonly unreachable: readonly string[];
}

/** Traces, put together from the spans that the processes keep. */
export function traceHandlers({ traces }: Parts): Pick<Handlers, 'listTraces' | 'getTrace'> {
  return {
    listTraces: async ({ query: { limit, name }, rpc }) => {
      const { spans, unreachable } = await (name === undefined
        ? recentSpans(traces, rpc)
        : spansBeside(traces, rpc, { name, limit }));
      const found = [...Map.groupBy(spans, ({ traceId }) => traceId).values()].map(summarize);
      const newest = found.toSorted((a, b) => b.startMs - a.startMs).slice(0, limit);
      return { body: { traces: newest, unreachable: [...unreachable] } };
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

async function recentSpans(
  traces: Parts['traces'],
  rpc: Call['rpc'],
  filter: { readonly name?: string; readonly traceIds?: string[] } = {},
): Promise<Found> {
  const { answers, unreachable } = await traces.ask(rpc, (member, options) =>
    member.recentSpans({ limit: recentSpansMax, ...filter }, options),
  );
  return { spans: answers.flatMap(({ answer }) => answer.spans), unreachable };
}

/** All spans of the newest traces with a span of that name. Only one process may know the name, so all are asked twice. */
async function spansBeside(
  traces: Parts['traces'],
  rpc: Call['rpc'],
  { name, limit }: { readonly name: string; readonly limit: number },
): Promise<Found> {
  const named = await recentSpans(traces, rpc, { name });
  const newest = named.spans.toSorted((a, b) => b.startMs - a.startMs);
  const traceIds = new Set<string>();
  for (const { traceId } of newest) if (traceIds.size < limit) traceIds.add(traceId);
  if (traceIds.size === 0) return named;
  const { spans, unreachable } = await recentSpans(traces, rpc, { traceIds: [...traceIds] });
  return { spans, unreachable: [...new Set([...named.unreachable, ...unreachable])] };
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

import { z } from 'zod';
import type { Operation } from './operation.ts';
import * as shape from './stream-schemas.ts';

const page = (limit: number) => ({
  limit: z.coerce.number().int().min(1).max(1000).default(limit),
});
const kicked = z.object({ kicked: z.boolean().describe('false: it was gone already') });

/** What operators watch and do while streams are on air. */
export const streamOperations = {
  listStreams: {
    method: 'GET',
    path: '/v1/streams',
    summary: 'Streams on air on all edges, most viewers first, with their statistics',
    access: 'operator',
    scope: 'streams:read',
    query: z.object(page(100)),
    status: 200,
    response: z.object({
      streams: z.array(shape.stream),
      total: z.number().int(),
      unreachable: shape.unreachable,
    }),
  },
  getStream: {
    method: 'GET',
    path: '/v1/streams/{roomId}',
    summary: 'One stream and a page of its viewers',
    access: 'operator',
    scope: 'streams:read',
    query: z.object({ ...page(100), offset: z.coerce.number().int().min(0).max(1_000_000).default(0) }),
    status: 200,
    response: z.object({
      stream: shape.stream,
      viewers: z.array(shape.viewer),
      unreachable: shape.unreachable,
    }),
  },
  kickViewer: {
    method: 'POST',
    path: '/v1/streams/{roomId}/viewers/{viewerId}/kick',
    summary: 'Close one viewer; nothing keeps it from coming again',
    access: 'operator',
    scope: 'streams:write',
    body: z.object({ reason: shape.reason }),
    status: 200,
    response: kicked,
  },
  kickPublisher: {
    method: 'POST',
    path: '/v1/streams/{roomId}/publisher/kick',
    summary: 'Close the publisher; the room is held, and it may come again unless the room is ended',
    access: 'operator',
    scope: 'streams:write',
    body: z.object({ reason: shape.reason }),
    status: 200,
    response: kicked,
  },
  listEdges: {
    method: 'GET',
    path: '/v1/edges',
    summary: 'The edges and what they carry',
    access: 'operator',
    scope: 'streams:read',
    status: 200,
    response: z.object({ edges: z.array(shape.edge), unreachable: shape.unreachable }),
  },
  drainEdge: {
    method: 'POST',
    path: '/v1/edges/{edgeId}/drain',
    summary:
      'Empty an edge: viewers and publishers go to other edges, and it takes nobody until it is started again',
    access: 'operator',
    scope: 'streams:write',
    body: z.object({ reason: shape.reason }),
    status: 200,
    response: z.object({ draining: z.literal(true) }),
  },
  listTraces: {
    method: 'GET',
    path: '/v1/traces',
    summary: 'The newest traces that the processes keep, newest first',
    access: 'operator',
    scope: 'streams:read',
    query: z.object({
      ...page(50),
      name: z
        .string()
        .min(1)
        .max(64)
        .optional()
        .describe('only traces with a span of this name, such as publish'),
    }),
    status: 200,
    response: z.object({ traces: z.array(shape.traceSummary), unreachable: shape.unreachable }),
  },
  getTrace: {
    method: 'GET',
    path: '/v1/traces/{traceId}',
    summary: 'All spans of a trace, in the order of their starts',
    access: 'operator',
    scope: 'streams:read',
    status: 200,
    response: z.object({
      traceId: z.string(),
      spans: z.array(shape.span),
      unreachable: shape.unreachable,
    }),
  },
} as const satisfies Record<string, Operation>;

import { z } from 'zod';
import { roomId, roomState, timeMs } from './schemas.ts';

/** What operators see of streams, edges and traces. */
const count = z.number().int().min(0);
const edgeId = z.string().describe('process of an edge, until it is started again');

const viewerClass = z.object({
  latency: z.string().describe('realtime, low or economy; hls'),
  viewers: count,
  framings: z.array(z.object({ framing: z.string().describe('flv, webSocket, rtmp'), viewers: count })),
  bytesOut: z.number(),
  disposableShed: count.describe('times that frames no other needs were left out for a slow viewer'),
  picturesShed: count.describe('times that pictures were left out for a slow viewer'),
  batchesShed: count.describe('times that a slow viewer got nothing'),
  viewersEvicted: count.describe('viewers closed because they stayed slow'),
});

const track = z.object({
  kind: z.enum(['video', 'audio']),
  codec: z.string().describe('as RFC 6381 writes it where the set-up can be read: `avc1.64001f`'),
  width: count.optional(),
  height: count.optional(),
  samplingRateHz: count.optional(),
  channels: count.optional(),
});

const streamMedia = z.object({
  bitsInPerSecond: z.number(),
  bitsOutPerSecond: z.number().describe('to viewers of all edges'),
  framesPerSecond: z.number(),
  gopMs: z.number().describe('between the last two key frames'),
  gopBytes: z.number().describe('what a new viewer gets at once'),
  bytesIn: z.number(),
  bytesOut: z.number(),
  jitterMs: z.number().describe('how unevenly media arrives (RFC 3550, 6.4.1)'),
  skewMs: z.number().describe('how far sound is behind pictures, smoothed'),
  driftMs: z
    .number()
    .describe('how far stream time has run ahead of the wall clock since the publisher came'),
  timestampJumps: count.describe('timestamps that were replaced'),
});

export const stream = z
  .object({
    roomId,
    hostName: z.string(),
    state: roomState.or(z.literal('starting')),
    visibility: z.enum(['public', 'private']),
    epoch: count,
    provisional: z.boolean().describe('admitted while the room service was away'),
    beganAtMs: timeMs,
    traceId: z.string().optional(),
    publisher: z
      .object({ address: z.string(), rttMs: z.number().optional() })
      .optional()
      .describe('absent while the room is held'),
    viewers: count.describe('on all edges'),
    tracks: z.array(track),
    media: streamMedia,
    classes: z.array(viewerClass),
    edges: z
      .array(z.object({ edgeId, owner: z.boolean().describe('the publisher is there'), viewers: count }))
      .describe('where it can be watched; the publisher first'),
  })
  .meta({ id: 'Stream' });

export const viewer = z
  .object({
    viewerId: z.string(),
    edgeId,
    address: z.string(),
    framing: z.string(),
    latency: z.string(),
    only: z.literal('audio').optional().describe('it wants the sound alone'),
    backlogBytes: z.number(),
    slow: z.boolean(),
    joinedAtMs: timeMs,
  })
  .meta({ id: 'Viewer' });

export const edge = z
  .object({
    edgeId,
    startedAtMs: timeMs,
    streams: count,
    viewers: count,
    bitsInPerSecond: z.number(),
    bitsOutPerSecond: z.number(),
    draining: z.boolean(),
  })
  .meta({ id: 'Edge' });

export const span = z
  .object({
    name: z.string(),
    process: z.string(),
    spanId: z.string(),
    parentId: z.string().optional(),
    startMs: z.number(),
    durationMs: z.number(),
    attributes: z.record(z.string(), z.string()),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
  })
  .meta({ id: 'Span' });

export const traceSummary = z
  .object({
    traceId: z.string(),
    name: z.string().describe('of its first span that is known'),
    process: z.string(),
    startMs: z.number(),
    durationMs: z.number().describe('from the first start to the last end'),
    spans: count,
    failed: z.boolean(),
  })
  .meta({ id: 'Trace' });

/** Processes that did not answer: what they have is missing. */
export const unreachable = z.array(z.string()).describe('processes that did not answer in time');
export const reason = z.string().min(1).max(120).describe('why; it is logged with who asked');

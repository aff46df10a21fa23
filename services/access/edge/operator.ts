import { CodedError } from '@gala/lib/error';
import type { Context } from '@gala/lib/lifecycle';
import type { Handlers } from '@gala/lib/rpc';
import { EdgeService } from '@gala/protocol/edge';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import type { Drain } from './drain.ts';
import type { EdgeEvents } from './events.ts';
import type { Ingest } from './ingest.ts';
import type { Play } from './play.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import { listViewers, summarize } from './summary.ts';

export interface OperatorParts {
  readonly streams: Streams;
  readonly play: Play;
  readonly ingest: Ingest;
  readonly events: EdgeEvents;
  readonly drain: Drain;
}

/** Streams and viewers of one answer. */
const listedMax = 1_000;

/** What operators see of this edge and do with it, over rpc. */
export function serveOperators(
  { clock, rpc }: Pick<Context, 'clock' | 'rpc'>,
  parts: OperatorParts,
): Promise<AsyncDisposable> {
  return rpc.serve(EdgeService, operatorHandlers(parts, Math.round(clock.nowMs())));
}

function operatorHandlers(
  { streams, play, ingest, events, drain }: OperatorParts,
  startedAtMs: number,
): Handlers<typeof EdgeService> {
  const found = (roomId: bigint): Stream => {
    const stream = streams.get(Number(roomId));
    if (!stream) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    return stream;
  };
  return {
    getEdge: async () => ({
      edge: {
        startedAtMs: BigInt(startedAtMs),
        streams: streams.size,
        viewers: play.viewerCount,
        bitsInPerSecond: sum(streams, ({ stats }) => stats.bitsPerSecond),
        bitsOutPerSecond: sum(streams, ({ stats }) => stats.bitsOutPerSecond),
        draining: drain.isDraining,
      },
    }),
    listStreams: async ({ limit }) => {
      const sorted = [...streams].toSorted((a, b) => b.viewerCount - a.viewerCount);
      const listed = sorted.slice(0, checkedLimit(limit, 1));
      return { streams: listed.map(wireStream), owned: sum(streams, ({ isOwner }) => Number(isOwner)) };
    },
    getStream: async ({ roomId, viewersLimit, viewersOffset }) => {
      const stream = found(roomId);
      const page = { offset: viewersOffset, limit: checkedLimit(viewersLimit, 0) };
      const viewers = listViewers(stream, page).map((viewer) => ({
        ...viewer,
        viewerId: BigInt(viewer.viewerId),
        joinedAtMs: BigInt(viewer.joinedAtMs),
      }));
      return { stream: wireStream(stream), viewers };
    },
    kickViewer: async ({ roomId, viewerId, reason }) => {
      const stream = found(roomId);
      const viewer = stream.viewers().find(({ id }) => id === Number(viewerId));
      if (!viewer) return { kicked: false };
      viewer.end();
      events.viewerKicked(stream.roomId, viewer.id, reason);
      return { kicked: true };
    },
    kickPublisher: async ({ roomId, reason }) => {
      const stream = found(roomId);
      const { publisher, roomId: id, epoch } = stream;
      // What a copy comes from is no publisher.
      if (!publisher || !stream.isOwner) return { kicked: false };
      ingest.expel(stream, publisher, { reason: 'kicked', description: 'closed by an operator' });
      events.publisherKicked(id, epoch, reason);
      return { kicked: true };
    },
    drain: async ({ reason }) => {
      if (!drain.isDraining && !drain.hasElsewhere) throw new CodedError(edgeErrors, 'EDGE_ALONE');
      events.drainAsked(reason);
      // Players are told why, so not in the operator's words. Who closes the edge waits for the end.
      drain.begin('operator').catch(() => undefined);
      return {};
    },
  };
}

function wireStream(stream: Stream) {
  const summary = summarize(stream);
  const { roomId, epoch, beganAtMs } = summary;
  const ids = { roomId: BigInt(roomId), epoch: BigInt(epoch), beganAtMs: BigInt(beganAtMs) };
  return { ...summary, ...ids, classes: summary.classes.map(wireClass) };
}

/** Messages take arrays that may be written to. */
function wireClass({ framings, ...rest }: ReturnType<typeof summarize>['classes'][number]) {
  return { ...rest, framings: [...framings] };
}

function checkedLimit(limit: number, least: number): number {
  if (limit < least || limit > listedMax) {
    throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: `limit is ${least} to ${listedMax}` });
  }
  return limit;
}

function sum(streams: Streams, read: (stream: Stream) => number): number {
  let total = 0;
  for (const stream of streams) total += read(stream);
  return total;
}

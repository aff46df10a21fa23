import { CodedError, hasCode } from '@gala/lib/error';
import type { Edge, Stream as EdgeStream, Track, Viewer } from '@gala/protocol/edge';
import { protocolErrors } from '@gala/protocol/errors';
import type { Stream, StreamViewer } from '@gala/protocol/rest';
import type { Handlers } from './call.ts';
import { roomIdOf } from './enter.ts';
import type { Parts } from './parts.ts';
import type { Part } from './spread.ts';

type StreamOperation =
  | 'listStreams'
  | 'getStream'
  | 'kickViewer'
  | 'kickPublisher'
  | 'listEdges'
  | 'drainEdge';

/** What operators see of streams on all edges and do with them. */
export function streamHandlers(parts: Parts): Pick<Handlers, StreamOperation> {
  const { edges, events } = parts;
  return {
    listStreams: async ({ query: { limit }, rpc }) => {
      const { answers, unreachable } = await edges.ask(rpc, (edge, options) =>
        edge.listStreams({ limit }, options),
      );
      const found = answers.flatMap(({ member, answer }) =>
        answer.streams.map((stream) => ({ member, answer: stream })),
      );
      const merged = [...Map.groupBy(found, ({ answer }) => answer.roomId).values()].map(mergeStream);
      const streams = merged.toSorted((a, b) => b.viewers - a.viewers).slice(0, limit);
      const owned = answers.reduce((sum, { answer }) => sum + answer.owned, 0);
      return { body: { streams, total: Math.max(owned, streams.length), unreachable } };
    },
    getStream: async ({ params, query, rpc }) => {
      const roomId = BigInt(roomIdOf(params.roomId));
      const { answers, unreachable } = await edges.ask(rpc, async (edge, options) => {
        const asked = edge.getStream({ roomId, viewersLimit: 0 }, options);
        return (await unlessUnknown(asked))?.stream;
      });
      const found = answers.flatMap(({ member, answer }) => (answer ? [{ member, answer }] : []));
      if (found.length === 0) throw missing(unreachable);
      const viewers = await pageOfViewers(parts, found, { ...query, rpc });
      return { body: { stream: mergeStream(found), viewers, unreachable } };
    },
    kickViewer: async ({ params, body: { reason }, rpc, caller }) => {
      const roomId = roomIdOf(params.roomId);
      const [, edgeId, viewerId] = /^(.*)\.([0-9]+)$/.exec(params.viewerId)!;
      const { userId: by } = await caller();
      // An edge that was started again has no viewer of before.
      const isThere = (await edges.members()).includes(edgeId);
      const request = { roomId: BigInt(roomId), viewerId: BigInt(viewerId), reason };
      const { kicked } = isThere
        ? await edges.client.kickViewer(request, { ...rpc, member: edgeId })
        : { kicked: false };
      events.viewerKicked({ roomId, viewerId: params.viewerId, by, reason, kicked });
      return { body: { kicked } };
    },
    kickPublisher: async ({ params, body: { reason }, rpc, caller }) => {
      const roomId = roomIdOf(params.roomId);
      const { userId: by } = await caller();
      const { answers, unreachable } = await edges.ask(rpc, (edge, options) =>
        unlessUnknown(edge.kickPublisher({ roomId: BigInt(roomId), reason }, options)),
      );
      const kicked = answers.some(({ answer }) => answer?.kicked);
      if (!kicked && (unreachable.length > 0 || answers.every(({ answer }) => !answer))) {
        throw missing(unreachable);
      }
      events.publisherKicked({ roomId, by, reason, kicked });
      return { body: { kicked } };
    },
    listEdges: async ({ rpc }) => {
      const { answers, unreachable } = await edges.ask(rpc, (edge, options) => edge.getEdge({}, options));
      const listed = answers.flatMap(({ member, answer: { edge } }) => (edge ? [{ member, edge }] : []));
      return { body: { edges: listed.map(({ member, edge }) => restEdge(member, edge)), unreachable } };
    },
    drainEdge: async ({ params: { edgeId }, body: { reason }, rpc, caller }) => {
      const { userId: by } = await caller();
      if (!(await edges.members()).includes(edgeId)) throw new CodedError(protocolErrors, 'NOT_FOUND');
      await edges.client.drain({ reason }, { ...rpc, member: edgeId });
      events.edgeDrained({ edgeId, by, reason });
      return { body: { draining: true } };
    },
  };
}

/** An edge without the stream has no part of the answer. */
async function unlessUnknown<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (hasCode(error, 'STREAM_UNKNOWN')) return undefined;
    throw error;
  }
}

/** What no edge has may be on one that did not answer. */
function missing(unreachable: readonly string[]): CodedError {
  const code = unreachable.length > 0 ? 'UNAVAILABLE' : 'STREAM_UNKNOWN';
  return new CodedError(protocolErrors, code, {
    ...(unreachable.length > 0 && { detail: `no answer from ${unreachable.join(', ')}` }),
  });
}

/** Viewers are counted over the edges in their order; only edges with some of the page are asked. */
async function pageOfViewers(
  { edges }: Parts,
  found: readonly Part<EdgeStream>[],
  { limit, offset, rpc }: { limit: number; offset: number; rpc: object },
): Promise<StreamViewer[]> {
  const viewers: StreamViewer[] = [];
  let passed = 0;
  for (const { member, answer } of found) {
    const viewersOffset = Math.max(0, offset - passed);
    const listed = listedViewers(answer);
    passed += listed;
    if (viewersOffset >= listed || viewers.length >= limit) continue;
    const viewersLimit = limit - viewers.length;
    const request = { roomId: answer.roomId, viewersLimit, viewersOffset };
    const asked = edges.client.getStream(request, { ...rpc, member });
    const page = await unlessUnknown(asked);
    viewers.push(...(page?.viewers ?? []).map((viewer) => restViewer(member, viewer)));
  }
  return viewers;
}

/** Players of HLS have no connection that could be listed or closed. */
function listedViewers({ classes }: EdgeStream): number {
  const listed = classes.filter(({ latency }) => latency !== 'hls').flatMap(({ framings }) => framings);
  return total(listed, ({ viewers }) => viewers);
}

/** One stream of what several edges say of it: the publisher's edge knows it, all of them have viewers. */
function mergeStream(found: readonly Part<EdgeStream>[]): Stream {
  const sorted = found.toSorted((a, b) => Number(b.answer.owner) - Number(a.answer.owner));
  const all = sorted.map(({ answer }) => answer);
  const { roomId, hostName, state, epoch, provisional, beganAtMs, traceId, publisher, media } = all[0];
  if (!media) throw new TypeError('the edge answered no media');
  const { $typeName: _, ...measured } = media;
  return {
    roomId: Number(roomId),
    hostName,
    state: state as Stream['state'],
    visibility: all[0].private ? 'private' : 'public',
    epoch: Number(epoch),
    provisional,
    beganAtMs: Number(beganAtMs),
    ...(traceId && { traceId }),
    ...(publisher && { publisher: restPublisher(publisher) }),
    viewers: total(all, ({ viewers }) => viewers),
    tracks: all[0].tracks.map(restTrack),
    media: {
      ...measured,
      bitsOutPerSecond: total(all, (stream) => stream.media?.bitsOutPerSecond ?? 0),
      bytesOut: total(all, (stream) => stream.media?.bytesOut ?? 0),
    },
    classes: mergeClasses(all),
    edges: sorted.map(({ member, answer: { owner, viewers } }) => ({ edgeId: member, owner, viewers })),
  };
}

function mergeClasses(streams: readonly EdgeStream[]): Stream['classes'] {
  const byLatency = Map.groupBy(
    streams.flatMap(({ classes }) => classes),
    ({ latency }) => latency,
  );
  return [...byLatency].map(([latency, classes]) => {
    const framings = Map.groupBy(
      classes.flatMap((each) => each.framings),
      ({ framing }) => framing,
    );
    return {
      latency,
      viewers: total([...framings.values()].flat(), ({ viewers }) => viewers),
      framings: [...framings].map(([framing, each]) => ({
        framing,
        viewers: total(each, ({ viewers }) => viewers),
      })),
      bytesOut: total(classes, ({ bytesOut }) => bytesOut),
      disposableShed: total(classes, ({ disposableShed }) => disposableShed),
      picturesShed: total(classes, ({ picturesShed }) => picturesShed),
      batchesShed: total(classes, ({ batchesShed }) => batchesShed),
      viewersEvicted: total(classes, ({ viewersEvicted }) => viewersEvicted),
    };
  });
}

function restTrack({
  kind,
  codec,
  width,
  height,
  samplingRateHz,
  channels,
}: Track): Stream['tracks'][number] {
  return {
    kind: kind === 'video' ? 'video' : 'audio',
    codec,
    ...(width && { width }),
    ...(height && { height }),
    ...(samplingRateHz && { samplingRateHz }),
    ...(channels && { channels }),
  };
}

function restPublisher({ address, rttMs }: NonNullable<EdgeStream['publisher']>) {
  return { address, ...(rttMs !== undefined && { rttMs }) };
}

function restViewer(edgeId: string, viewer: Viewer): StreamViewer {
  const { viewerId, address, framing, latency, only, backlogBytes, slow, joinedAtMs } = viewer;
  const id = `${edgeId}.${viewerId}`;
  return {
    viewerId: id,
    edgeId,
    address,
    framing,
    latency,
    ...(only === 'audio' && { only: 'audio' as const }),
    backlogBytes,
    slow,
    joinedAtMs: Number(joinedAtMs),
  };
}

function restEdge(edgeId: string, edge: Edge) {
  const { startedAtMs, streams, viewers, bitsInPerSecond, bitsOutPerSecond, draining } = edge;
  return {
    edgeId,
    startedAtMs: Number(startedAtMs),
    streams,
    viewers,
    bitsInPerSecond,
    bitsOutPerSecond,
    draining,
  };
}

function total<Item>(items: readonly Item[], read: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + read(item), 0);
}

import type { Publisher, Stream, StreamState } from './stream.ts';
import type { Framing } from './payload.ts';
import { tracksOf } from './stream-tracks.ts';
import type { Latency, Viewer } from './viewer.ts';

export interface ViewerClass {
  readonly latency: string;
  readonly framings: readonly { readonly framing: string; readonly viewers: number }[];
  readonly bytesOut: number;
  readonly disposableShed: number;
  readonly picturesShed: number;
  readonly batchesShed: number;
  readonly viewersEvicted: number;
}

/** What is told of a stream, whoever asks: the admin listener, the service of the edge, the scrape. */
export function summarize(stream: Stream) {
  const { roomId, identity, state, epoch, publisher } = stream;
  return {
    roomId,
    hostName: identity.hostName,
    state: state satisfies StreamState as string,
    epoch,
    owner: stream.isOwner,
    provisional: stream.provisional,
    private: identity.isPrivate,
    beganAtMs: Math.round(stream.beganAtMs),
    traceId: stream.trace?.context.isSampled ? stream.trace.context.traceId : '',
    ...(publisher && { publisher: summarizePublisher(publisher) }),
    tracks: tracksOf(stream.headers),
    media: summarizeMedia(stream),
    viewers: stream.viewerCount,
    classes: classesOf(stream),
  };
}

/** Viewers from `offset` on, in the order of their latency class and their coming. */
export function listViewers(stream: Stream, { offset, limit }: { offset: number; limit: number }) {
  return stream
    .viewers()
    .slice(offset, offset + limit)
    .map(summarizeViewer);
}

/** What viewers of each latency class get and do not get; classes that never had a viewer are left out. */
export function classesOf(stream: Stream): ViewerClass[] {
  const classes = Object.entries(stream.tallies) as [Latency, Stream['tallies'][Latency]][];
  return [...classes.map(classOf), playerClass(stream)].filter(
    ({ bytesOut, framings }) => bytesOut > 0 || framings.length > 0,
  );
}

function classOf([latency, tally]: [Latency, Stream['tallies'][Latency]]): ViewerClass {
  const { viewers, bytesOut, disposableShed, picturesShed, batchesShed, viewersEvicted } = tally;
  const counted = Object.entries(viewers) as [Framing, number][];
  const framings = counted
    .filter(([, count]) => count > 0)
    .map(([framing, count]) => ({ framing, viewers: count }));
  return { latency, framings, bytesOut, disposableShed, picturesShed, batchesShed, viewersEvicted };
}

/** Players of HLS fetch what they want: nothing is ever shed for them. */
function playerClass({ players: { count, bytesOut } }: Stream): ViewerClass {
  const framings = count > 0 ? [{ framing: 'hls', viewers: count }] : [];
  const nothing = { disposableShed: 0, picturesShed: 0, batchesShed: 0, viewersEvicted: 0 };
  return { latency: 'hls', framings, bytesOut, ...nothing };
}

function summarizePublisher({ remoteAddress, rttMs }: Publisher) {
  return { address: remoteAddress, ...(rttMs !== undefined && { rttMs: tenths(rttMs) }) };
}

function summarizeMedia({ stats, gopBytes, bytesOut, timestampJumps }: Stream) {
  return {
    bitsInPerSecond: stats.bitsPerSecond,
    bitsOutPerSecond: stats.bitsOutPerSecond,
    framesPerSecond: stats.framesPerSecond,
    gopMs: stats.gopMs,
    gopBytes,
    bytesIn: stats.bytesIn,
    bytesOut,
    jitterMs: tenths(stats.jitterMs),
    skewMs: tenths(stats.skewMs),
    driftMs: tenths(stats.driftMs),
    timestampJumps,
  };
}

function summarizeViewer(viewer: Viewer) {
  const { id, remoteAddress, framing, latency, wanted, backlogBytes, slow, joinedAtMs } = viewer;
  const only = wanted === 'audio' ? wanted : undefined;
  return { viewerId: id, address: remoteAddress, framing, latency, only, backlogBytes, slow, joinedAtMs };
}

const tenths = (value: number): number => Math.round(value * 10) / 10;

import type { ServerResponse } from 'node:http';
import { respondJson, type HttpListener } from '@gala/lib/http';
import type { LabelledValue, Metrics } from '@gala/lib/metrics';
import type { Fanout } from './fanout.ts';
import type { HlsOutputs } from './hls/outputs.ts';
import type { HlsPlayers } from './hls/players.ts';
import type { Play } from './play.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import { listViewers, summarize } from './summary.ts';

/** Streams with series of their own in a scrape, largest first; all others are summed under `other`. */
const seriesMax = 100;
/** Viewers that the detail of a stream lists. */
const viewersShownMax = 1_000;

export interface ShownParts {
  readonly metrics: Metrics;
  readonly streams: Streams;
  readonly play: Play;
  readonly fanout: Fanout;
  readonly hls: HlsOutputs;
  readonly players: HlsPlayers;
}

/** What this edge carries, for the scrape. */
export function showMetrics({ metrics, streams, play, fanout, hls, players }: ShownParts): void {
  metrics.gauge('gala_edge_streams', 'streams on air or held', () => streams.size);
  metrics.gauge('gala_edge_viewers', 'viewers of all streams', () => play.viewerCount);
  metrics.gauge('gala_edge_fanout_jobs', 'batches on their way to viewers', () => fanout.jobs);
  metrics.gauge(
    'gala_edge_fanout_writes',
    'socket writes of the fan-out since the start',
    () => fanout.writes,
  );
  metrics.gauge(
    'gala_edge_hls_outputs',
    'streams that are cut for HLS, each form for itself',
    () => hls.size,
  );
  metrics.gauge('gala_edge_hls_bytes', 'segments in memory', () => hls.bytes);
  metrics.gauge('gala_edge_hls_blocked', 'HLS requests that wait for media', () => hls.places.taken);
  metrics.gauge('gala_edge_hls_players', 'players of HLS among the viewers', () => players.size);
  const perRoom = (name: string, help: string, read: (stream: Stream) => number): void =>
    metrics.gauges({ name, help, labelNames: ['room'], read: () => bounded(streams, read) });
  perRoom('gala_stream_viewers', 'viewers of a stream', (stream) => stream.viewerCount);
  perRoom('gala_stream_bits_per_second', 'media received', (stream) => stream.stats.bitsPerSecond);
  perRoom('gala_stream_frames_per_second', 'pictures received', (stream) => stream.stats.framesPerSecond);
}

/** `GET /streams` and `/streams?room=<roomId>` on the admin listener. */
export function mountStreams(listener: HttpListener, streams: Streams, players: HlsPlayers): () => void {
  return listener.mount('/streams', (request, response) => {
    const roomId = new URL(request.url ?? '', 'http://edge').searchParams.get('room');
    if (roomId === null) respondJson(response, { streams: [...streams].map(summarize) });
    else respondStream(response, streams.get(Number(roomId)), players);
  });
}

function respondStream(response: ServerResponse, stream: Stream | undefined, players: HlsPlayers): void {
  if (!stream) return respondJson(response, { error: { code: 'STREAM_UNKNOWN' } }, { status: 404 });
  const connected = listViewers(stream, { offset: 0, limit: viewersShownMax });
  const asking = players.of(stream).map(({ place }) => ({ address: place.address, framing: 'hls' }));
  const viewers = [...connected, ...asking].slice(0, viewersShownMax);
  respondJson(response, { stream: summarize(stream), viewers });
}

function bounded(streams: Streams, read: (stream: Stream) => number): LabelledValue[] {
  const sorted = [...streams].toSorted((a, b) => b.viewerCount - a.viewerCount);
  const shown = sorted
    .slice(0, seriesMax)
    .map((stream) => ({ labels: { room: String(stream.roomId) }, value: read(stream) }));
  const rest = sorted.slice(seriesMax).reduce((sum, stream) => sum + read(stream), 0);
  return sorted.length > seriesMax ? [...shown, { labels: { room: 'other' }, value: rest }] : shown;
}

import type { ServerResponse } from 'node:http';
import { respondJson, type HttpListener } from '@gala/lib/http';
import type { Metrics } from '@gala/lib/metrics';
import type { Fanout } from './fanout.ts';
import type { HlsOutputs } from './hls/outputs.ts';
import type { HlsPlayers } from './hls/players.ts';
import type { Play } from './play.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import { showStreamMetrics } from './stream-metrics.ts';
import { listViewers, summarize } from './summary.ts';

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
  showStreamMetrics(metrics, streams);
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

import { CodedError } from '@gala/lib/error';
import { hostPort } from '@gala/lib/http';
import type { Metrics } from '@gala/lib/metrics';
import type { MediaMessage, PublishRequest } from '@gala/media/rtmp';
import {
  createRtmpServerCounters,
  listenRtmp,
  type RtmpConnectionHandler,
  type RtmpDecision,
  type RtmpServerConnection,
} from '@gala/media-io/rtmp';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { Ingest } from './ingest.ts';
import type { Publisher, Stream } from './stream.ts';

/** The application that publishers name; another one is refused. */
const application = 'live';

export interface PublishersOptions {
  readonly config: EdgeConfig['rtmp'];
  readonly ingest: Ingest;
  readonly events: EdgeEvents;
  readonly metrics: Metrics;
}

export interface Publishers extends AsyncDisposable {
  /** What an encoder on this machine is told to use. */
  readonly url: string;
}

/** Listens for RTMP publishers and hands each to the ingest. Errors: PORT_TAKEN, PORT_FORBIDDEN. */
export async function listenForPublishers(options: PublishersOptions): Promise<Publishers> {
  const { config, metrics } = options;
  const counters = createRtmpServerCounters();
  const server = await listenRtmp({
    port: config.port,
    host: config.host,
    portSetting: 'rtmp.port (GALA_RTMP_PORT)',
    counters,
    limits: { connectionsMax: config.connectionsMax, publisherIdleMs: config.idleMs },
    onSession: (connection) => new PublisherConnection(connection, options),
  });
  metrics.gauge('gala_rtmp_connections', 'open RTMP connections', () => counters.open);
  metrics.gauge('gala_rtmp_held_bytes', 'unfinished RTMP messages in memory', () => counters.heldBytes);
  metrics.gauges({
    name: 'gala_rtmp_ended',
    help: 'ended RTMP connections by reason',
    labelNames: ['reason'],
    read: () => Object.entries(counters.ended).map(([reason, value]) => ({ labels: { reason }, value })),
  });
  const shownHost = config.host === '::' || config.host === '0.0.0.0' ? 'localhost' : config.host;
  const url = `rtmp://${hostPort(shownHost, server.address().port)}/${application}`;
  return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** One RTMP connection as a publisher: what the stream may do with it, and what it tells the stream. */
class PublisherConnection implements Publisher, RtmpConnectionHandler {
  readonly remoteAddress: string;
  readonly #connection: RtmpServerConnection;
  readonly #options: PublishersOptions;
  #stream: Stream | undefined;

  constructor(connection: RtmpServerConnection, options: PublishersOptions) {
    this.remoteAddress = connection.remoteAddress;
    this.#connection = connection;
    this.#options = options;
  }

  async onPublish(request: PublishRequest, signal: AbortSignal): Promise<RtmpDecision> {
    const { ingest, events } = this.#options;
    if (request.app !== application) {
      events.publishRefused('APP_UNKNOWN', this.remoteAddress);
      return { accept: false, code: 'NetStream.Publish.BadName', description: `publish to /${application}` };
    }
    try {
      this.#stream = await ingest.publish({ publisher: this, streamKey: request.streamKey, signal });
      return { accept: true };
    } catch (error) {
      return refusal(error);
    }
  }

  onMedia(message: MediaMessage): void {
    this.#stream?.append(this, message);
  }

  onBatchEnd(): void {
    this.#stream?.endOfRead();
  }

  onPublishEnd(): void {
    this.#leave('unpublished');
  }

  onEnd(reason: string): void {
    this.#leave(reason.toLowerCase());
  }

  close(status: string, description: string): void {
    this.#stream = undefined;
    this.#connection.dismissPublisher(status, description);
  }

  #leave(reason: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.detach(this, reason);
  }
}

/** A wrong key is a bad name; anything that may pass is a failure, so that encoders try again. */
function refusal(error: unknown): RtmpDecision {
  const code = error instanceof CodedError ? error.code : 'INTERNAL';
  const description = error instanceof CodedError ? error.message : 'something broke on our side';
  const isTheirs = error instanceof CodedError && error.http < 500;
  const status = isTheirs ? 'NetStream.Publish.BadName' : 'NetStream.Publish.Failed';
  return { accept: false, code: status, description: `${code}: ${description}` };
}

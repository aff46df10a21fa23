import { CodedError, codeOf } from '@gala/lib/error';
import { hostPort, watchCertificate, type CertificatePair } from '@gala/lib/http';
import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { MediaMessage, PlayRequest, PublishRequest } from '@gala/media/rtmp';
import {
  createRtmpServerCounters,
  listenRtmp,
  rtmpServerLimits,
  type RtmpConnectionHandler,
  type RtmpDecision,
  type RtmpServer,
  type RtmpServerConnection,
  type RtmpServerCounters,
  type RtmpServerOptions,
} from '@gala/media-io/rtmp';
import type { Backup } from './backup/backup.ts';
import type { Backups } from './backup/backups.ts';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { Hooks } from './hooks/hooks.ts';
import type { Ingest } from './ingest.ts';
import { application } from './play-request.ts';
import type { Play } from './play.ts';
import { RtmpPlayer, RtmpPlayers } from './rtmp-player.ts';
import type { Publisher, Stream } from './stream.ts';

/** Parameters that hold the stream key. */
const keyParams = new Set(['key', 'streamKey']);

export interface RtmpOptions {
  readonly config: EdgeConfig['rtmp'];
  readonly ingest: Ingest;
  readonly backups: Backups;
  readonly play: Play;
  readonly hooks: Hooks;
  /** Other processes listen on the ports too. */
  readonly sharesPort: boolean;
  readonly events: EdgeEvents;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface RtmpDoor extends AsyncDisposable {
  /** What an encoder on this machine is told to use; `rtmps` where there is a certificate. */
  readonly addresses: Readonly<Record<'rtmp', string> & Partial<Record<'rtmps', string>>>;
  /** Connections that are there go on. */
  stopAccepting(): void;
}

/**
 * Listens for RTMP and RTMPS: publishers go to the ingest, players to the streams. Errors: PORT_TAKEN, PORT_FORBIDDEN,
 * TLS_INVALID.
 */
export async function openRtmp(options: RtmpOptions): Promise<RtmpDoor> {
  const { config, events, play } = options;
  const players = new RtmpPlayers({ play, events, playersMax: config.playersMax });
  const counters = createRtmpServerCounters();
  showMetrics(options.metrics, counters, players);
  await using stack = new AsyncDisposableStack();
  const shared: Shared = {
    host: config.host,
    reusePort: options.sharesPort,
    counters,
    limits: {
      connectionsMax: config.connectionsMax,
      publisherIdleMs: config.idleMs,
      decisionMs: rtmpServerLimits.decisionMs + options.hooks.decisionMsMax,
    },
    onSession: (connection) => new RtmpPeer(connection, options, players),
  };
  const portSetting = 'rtmp.port (GALA_RTMP_PORT)';
  const plain = stack.use(await listenRtmp({ ...shared, port: config.port, portSetting }));
  const secure = await listenSecurely(shared, options, stack);
  const shownHost = config.host === '::' || config.host === '0.0.0.0' ? 'localhost' : config.host;
  const urlOf = (scheme: string, server: RtmpServer): string =>
    `${scheme}://${hostPort(shownHost, server.address().port)}/${application}`;
  const addresses = { rtmp: urlOf('rtmp', plain), ...(secure && { rtmps: urlOf('rtmps', secure) }) };
  const owned = stack.move();
  const stopAccepting = (): void => {
    plain.stopAccepting();
    secure?.stopAccepting();
  };
  return { addresses, stopAccepting, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Shared = Pick<RtmpServerOptions, 'host' | 'reusePort' | 'counters' | 'limits' | 'onSession'>;

/** The same behind TLS, with a certificate that is read again when it changes. */
async function listenSecurely(
  shared: Shared,
  { config, logger }: RtmpOptions,
  stack: AsyncDisposableStack,
): Promise<RtmpServer | undefined> {
  const { tlsCert: cert, tlsKey: key, tlsPort: port } = config;
  if (!cert || !key) return undefined;
  let server: RtmpServer | undefined;
  const onChange = (pair: CertificatePair): void => server?.renewCertificate(pair);
  const { pair } = stack.use(await watchCertificate({ files: { cert, key }, logger, onChange }));
  const portSetting = 'rtmp.tlsPort (GALA_RTMP_TLS_PORT)';
  server = stack.use(await listenRtmp({ ...shared, port, portSetting, tls: pair }));
  return server;
}

function showMetrics(metrics: Metrics, counters: RtmpServerCounters, players: RtmpPlayers): void {
  metrics.gauge('gala_rtmp_connections', 'open RTMP connections', () => counters.open);
  metrics.gauge('gala_rtmp_players', 'RTMP players that have a place', () => players.size);
  metrics.gauge('gala_rtmp_held_bytes', 'unfinished RTMP messages in memory', () => counters.heldBytes);
  metrics.gauges({
    name: 'gala_rtmp_ended',
    help: 'ended RTMP connections by reason',
    labelNames: ['reason'],
    read: () => Object.entries(counters.ended).map(([reason, value]) => ({ labels: { reason }, value })),
  });
}

/** One RTMP connection, which publishes or plays as it says. */
class RtmpPeer implements RtmpConnectionHandler {
  readonly #publisher: PublisherConnection;
  readonly #player: RtmpPlayer;

  constructor(connection: RtmpServerConnection, options: RtmpOptions, players: RtmpPlayers) {
    this.#publisher = new PublisherConnection(connection, options);
    this.#player = new RtmpPlayer(connection, players);
  }

  onPublish(request: PublishRequest, signal: AbortSignal): Promise<RtmpDecision> {
    return this.#publisher.decide(request, signal);
  }

  onPlay(request: PlayRequest, signal: AbortSignal): Promise<RtmpDecision> {
    return this.#player.decide(request, signal);
  }

  onStart(role: 'publish' | 'play'): void {
    if (role === 'play') this.#player.start();
  }

  onMedia(message: MediaMessage): void {
    this.#publisher.onMedia(message);
  }

  onBatchEnd(): void {
    this.#publisher.onBatchEnd();
  }

  onPublishEnd(): void {
    this.#publisher.leave('unpublished');
  }

  onPlayEnd(): void {
    this.#player.stop();
  }

  onEnd(reason: string): void {
    this.#publisher.leave(reason.toLowerCase());
    this.#player.stop();
  }
}

/** One RTMP connection as a publisher: what the stream may do with it, and what it tells the stream. */
class PublisherConnection implements Publisher {
  readonly remoteAddress: string;
  readonly #connection: RtmpServerConnection;
  readonly #options: RtmpOptions;
  readonly #protocol: 'rtmp' | 'rtmps';
  /** What it feeds: the stream, or as a backup whatever that is at the time. */
  #stream: Stream | undefined;
  #backup: Backup | undefined;

  constructor(connection: RtmpServerConnection, options: RtmpOptions) {
    this.remoteAddress = connection.remoteAddress;
    this.#protocol = connection.isSecure ? 'rtmps' : 'rtmp';
    this.#connection = connection;
    this.#options = options;
  }

  get rttMs(): number | undefined {
    return this.#connection.rttMs;
  }

  async decide(request: PublishRequest, signal: AbortSignal): Promise<RtmpDecision> {
    const { ingest, backups, events } = this.#options;
    if (request.app !== application) {
      events.publishRefused('APP_UNKNOWN', this.remoteAddress);
      return { accept: false, code: 'NetStream.Publish.BadName', description: `publish to /${application}` };
    }
    const beganMs = performance.now();
    try {
      const { streamKey } = request;
      const query = queryOf(request);
      const attempt = { publisher: this, protocol: this.#protocol, streamKey, query, signal };
      if (request.params['backup'] === '1') this.#backup = await backups.stand(attempt);
      else this.#stream = await ingest.publish(attempt);
      return { accept: true };
    } catch (error) {
      return refusal(error);
    } finally {
      events.admissionSeconds.observe((performance.now() - beganMs) / 1000);
    }
  }

  onMedia(message: MediaMessage): void {
    if (this.#backup) this.#backup.append(message);
    else this.#stream?.append(this, message);
  }

  onBatchEnd(): void {
    (this.#backup ?? this.#stream)?.endOfRead();
  }

  close(status: string, description: string): void {
    this.#release(description);
    this.#connection.dismissPublisher(status, description);
  }

  leave(reason: string): void {
    const stream = this.#stream;
    this.#release(reason);
    stream?.detach(this, reason);
    if (stream) this.#options.backups.standIn(stream);
  }

  #release(reason: string): void {
    const { ingest, backups } = this.#options;
    const backup = this.#backup;
    this.#stream = undefined;
    this.#backup = undefined;
    if (backup) backups.leave(backup, reason);
    else ingest.left(this, reason);
  }
}

/** What the encoder said beside its key. */
function queryOf({ params }: PublishRequest): string {
  const shown = Object.entries(params).filter(([name]) => !keyParams.has(name));
  return new URLSearchParams(shown).toString();
}

/** A wrong key is a bad name; anything that may pass is a failure, so that encoders try again. */
function refusal(error: unknown): RtmpDecision {
  const description = error instanceof CodedError ? error.message : 'something broke on our side';
  const isTheirs = error instanceof CodedError && error.http < 500 && error.http !== 429;
  const status = isTheirs ? 'NetStream.Publish.BadName' : 'NetStream.Publish.Failed';
  return { accept: false, code: status, description: `${codeOf(error)}: ${description}` };
}

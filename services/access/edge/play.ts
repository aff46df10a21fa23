import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { clientAddress, rateKey, respondError, takeSocket, type TrustedProxies } from '@gala/lib/http';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { verifyPlay } from '@gala/protocol/play';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { PlayKeys } from './play-keys.ts';
import { parsePlayUrl, type PlayTarget } from './play-request.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import { Viewer, type Framing, type Latency, type SlowViewerLimits } from './viewer.ts';
import { acceptWebSocket, watchControlFrames } from './websocket.ts';

const allowOrigin = { 'Access-Control-Allow-Origin': '*' };
const flvHeaders = {
  ...allowOrigin,
  'Content-Type': 'video/x-flv',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
};

export interface PlayOptions {
  readonly config: EdgeConfig['edge'];
  readonly streams: Streams;
  readonly keys: PlayKeys;
  readonly events: EdgeEvents;
  readonly clock: Clock;
  readonly trustedProxies: TrustedProxies;
}

/** The door of the viewers: HTTP-FLV and WS-FLV on `/live/…`, one raw socket each once they are in. */
export class Play {
  readonly #options: PlayOptions;
  readonly #limits: SlowViewerLimits;
  readonly #perAddress = new Map<string, number>();
  #viewerCount = 0;

  constructor(options: PlayOptions) {
    this.#options = options;
    const { config } = options;
    this.#limits = {
      disposableBytes: config.slowDisposableBytes,
      pictureBytes: config.slowPictureBytes,
      stopBytes: config.slowStopBytes,
      evictMs: config.slowEvictMs,
    };
  }

  get viewerCount(): number {
    return this.#viewerCount;
  }

  /** HTTP-FLV. */
  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'OPTIONS') {
      const allow = { 'Access-Control-Allow-Methods': 'GET, HEAD', 'Access-Control-Allow-Headers': '*' };
      response.writeHead(204, { ...allowOrigin, ...allow, 'Access-Control-Max-Age': '86400' }).end();
      return;
    }
    this.#admit(request).then(
      ({ stream, target }) => this.#playHttp(request, response, { stream, latency: target.latency }),
      (error: unknown) => this.#refuse(response, error),
    );
  };

  /** WS-FLV. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex): void => {
    socket.on('error', () => socket.destroy());
    this.#admit(request).then(
      ({ stream, target }) => this.#playWebSocket(request, socket, { stream, latency: target.latency }),
      (error: unknown) => this.#refuseUpgrade(socket, error),
    );
  };

  async #admit(request: IncomingMessage): Promise<{ stream: Stream; target: PlayTarget }> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    }
    const target = parsePlayUrl(request.url ?? '');
    const { streams, config } = this.#options;
    const stream =
      target.roomId === undefined ? streams.byName(target.hostName!) : streams.get(target.roomId);
    if (!stream || stream.state === 'ended') throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    if (stream.identity.isPrivate) await this.#verify(stream, target);
    const ofAddress = this.#perAddress.get(this.#addressKey(request)) ?? 0;
    if (this.#viewerCount >= config.viewersMax || ofAddress >= config.viewersPerAddressMax) {
      throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS');
    }
    return { stream, target };
  }

  async #verify(stream: Stream, { query }: PlayTarget): Promise<void> {
    const { keys, clock } = this.#options;
    const known = await keys.for(query.get('kid') ?? '');
    const isValid = verifyPlay({ roomId: stream.roomId, query, keys: known, nowMs: clock.nowMs() });
    if (!isValid) throw new CodedError(edgeErrors, 'PLAY_SIGNATURE_WRONG');
  }

  #playHttp(
    request: IncomingMessage,
    response: ServerResponse,
    play: { stream: Stream; latency: Latency },
  ): void {
    if (request.method === 'HEAD') {
      response.writeHead(200, flvHeaders).end();
      return;
    }
    const address = this.#addressKey(request);
    const socket = takeSocket(response, { headers: flvHeaders });
    if (socket) this.#join(socket, 'flv', { ...play, address });
  }

  #playWebSocket(request: IncomingMessage, socket: Duplex, play: { stream: Stream; latency: Latency }): void {
    if (!acceptWebSocket(request, socket)) {
      this.#refuseUpgrade(
        socket,
        new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'WebSocket handshake' }),
      );
      return;
    }
    watchControlFrames(socket, () => this.#options.events.counters.framesMalformed++);
    this.#join(socket, 'webSocket', { ...play, address: this.#addressKey(request) });
  }

  #join(socket: Duplex, framing: Framing, play: { stream: Stream; latency: Latency; address: string }): void {
    if (socket.destroyed) return;
    const { events } = this.#options;
    const viewer = new Viewer({
      socket,
      framing,
      latency: play.latency,
      remoteAddress: play.address,
      limits: this.#limits,
      counters: events.counters,
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#leave(viewer, play.stream));
    this.#count(play.address, 1);
    events.viewerJoined();
    play.stream.join(viewer);
  }

  #leave(viewer: Viewer, stream: Stream): void {
    this.#count(viewer.remoteAddress, -1);
    this.#options.events.viewerLeft();
    stream.leave(viewer);
  }

  #count(address: string, change: number): void {
    this.#viewerCount += change;
    const count = (this.#perAddress.get(address) ?? 0) + change;
    if (count > 0) this.#perAddress.set(address, count);
    else this.#perAddress.delete(address);
  }

  #addressKey(request: IncomingMessage): string {
    const forwardedFor = request.headers['x-forwarded-for']?.toString();
    return rateKey(
      clientAddress(request.socket.remoteAddress ?? '', forwardedFor, this.#options.trustedProxies),
    );
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const coded = asCoded(error);
    this.#options.events.playRefused(coded.code);
    respondError(response, coded, allowOrigin);
  }

  #refuseUpgrade(socket: Duplex, error: unknown): void {
    const coded = asCoded(error);
    this.#options.events.playRefused(coded.code);
    const body = JSON.stringify({ error: { code: coded.code, message: coded.message } });
    socket.end(
      `HTTP/1.1 ${coded.http} Refused\r\nContent-Type: application/json\r\nConnection: close\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
}

function asCoded(error: unknown): CodedError {
  return error instanceof CodedError ? error : new CodedError(commonErrors, 'INTERNAL', { cause: error });
}

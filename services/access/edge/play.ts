import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError } from '@gala/lib/error';
import { clientAddress, rateKey, respondError, takeSocket, type TrustedProxies } from '@gala/lib/http';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { PlayKeys } from './play-keys.ts';
import { parsePlayUrl } from './play-request.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';
import { Viewer, type Framing, type Latency, type ViewerLimits } from './viewer.ts';
import { acceptWebSocket, watchControlFrames } from './websocket.ts';

export const allowOrigin = { 'Access-Control-Allow-Origin': '*' };
const flvHeaders = {
  ...allowOrigin,
  'Content-Type': 'video/x-flv',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
};

export const preflightHeaders = {
  ...allowOrigin,
  'Access-Control-Allow-Methods': 'GET, HEAD',
  'Access-Control-Allow-Headers': '*',
  'Access-Control-Max-Age': '86400',
};

export interface PlayOptions {
  readonly config: EdgeConfig['edge'];
  readonly streams: Streams;
  readonly keys: PlayKeys;
  readonly events: EdgeEvents;
  readonly trustedProxies: TrustedProxies;
}

interface Found {
  readonly stream: Stream;
  readonly latency: Latency;
}

/** The door of the viewers: HTTP-FLV and WS-FLV on `/live/…`, one raw socket each once they are in. */
export class Play {
  readonly #options: PlayOptions;
  readonly #limits: ViewerLimits;
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
      drainMs: config.drainMs,
    };
  }

  get viewerCount(): number {
    return this.#viewerCount;
  }

  /** HTTP-FLV. */
  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, preflightHeaders).end();
      return;
    }
    this.#find(request)
      .then((target) => this.#playHttp(request, response, target))
      .catch((error: unknown) => this.#refuse(response, error));
  };

  /** WS-FLV. `head` is what came right behind the handshake. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (head.length > 0) socket.unshift(head);
    this.#find(request)
      .then((target) => this.#playWebSocket(request, socket, target))
      .catch((error: unknown) => this.#refuseUpgrade(socket, error));
  };

  /** The stream that a request may play. */
  async #find(request: IncomingMessage): Promise<Found> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    }
    const target = parsePlayUrl(request.url ?? '');
    const { streams } = this.#options;
    const stream =
      target.roomId === undefined ? streams.byName(target.hostName!) : streams.get(target.roomId);
    if (!stream) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    if (stream.identity.isPrivate) await this.#options.keys.verify(stream.roomId, target.query);
    return { stream, latency: target.latency };
  }

  #playHttp(request: IncomingMessage, response: ServerResponse, found: Found): void {
    const address = this.#admit(request, found.stream);
    if (request.method === 'HEAD') {
      response.writeHead(200, flvHeaders).end();
      return;
    }
    const socket = takeSocket(response, { headers: flvHeaders });
    if (socket) this.#join(socket, 'flv', { ...found, address });
  }

  #playWebSocket(request: IncomingMessage, socket: Duplex, found: Found): void {
    if (socket.destroyed) return;
    const address = this.#admit(request, found.stream);
    // Nagle on, as takeSocket does for HTTP-FLV.
    if (socket instanceof Socket) socket.setNoDelay(false);
    if (!acceptWebSocket(request, socket)) {
      throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'WebSocket handshake' });
    }
    const viewer = this.#join(socket, 'webSocket', { ...found, address });
    watchControlFrames(viewer, () => this.#options.events.counters.framesMalformed++);
  }

  /** The last checks, in the same turn as the join, so that no two viewers take the same place. */
  #admit(request: IncomingMessage, stream: Stream): string {
    const { config } = this.#options;
    const address = this.#addressKey(request);
    const ofAddress = this.#perAddress.get(address) ?? 0;
    if (this.#viewerCount >= config.viewersMax || ofAddress >= config.viewersPerAddressMax) {
      throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS');
    }
    if (stream.state === 'ended') throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    return address;
  }

  /** One closure a viewer, since what one weighs counts ten thousand times. */
  #join(socket: Duplex, framing: Framing, { stream, latency, address }: Found & { address: string }): Viewer {
    const { events } = this.#options;
    const viewer = new Viewer({
      socket,
      framing,
      latency,
      remoteAddress: address,
      limits: this.#limits,
      counters: events.counters,
    });
    this.#count(address, 1);
    events.viewerJoined();
    socket.once('close', () => this.#leave(viewer, stream));
    stream.join(viewer);
    return viewer;
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

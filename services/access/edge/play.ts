import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import {
  clientAddress,
  Occupancy,
  rateKey,
  respondError,
  takeSocket,
  type TrustedProxies,
} from '@gala/lib/http';
import {
  acceptWebSocket,
  refuseUpgrade,
  WebSocketEndpoint,
  type WebSocketConnection,
  type WebSocketHandler,
} from '@gala/lib/websocket';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { asCoded } from './coded-error.ts';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { Framing } from './payload.ts';
import type { PlayKeys } from './play-keys.ts';
import { parsePlayUrl, type PlayTarget, type Wanted } from './play-request.ts';
import type { Stream } from './stream.ts';
import type { StreamLookup } from './stream-lookup.ts';
import type { Caller, ViewerGuard } from './viewer-guard.ts';
import { Viewer, type Latency, type ViewerLimits, type ViewerSocket } from './viewer.ts';

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
  readonly clock: Clock;
  readonly config: EdgeConfig['edge'];
  readonly lookup: StreamLookup;
  readonly keys: PlayKeys;
  readonly events: EdgeEvents;
  readonly guard: ViewerGuard;
  readonly trustedProxies: TrustedProxies;
}

export interface Found {
  readonly stream: Stream;
  readonly latency: Latency;
  readonly wanted: Wanted;
  /** Monotonic time of the request. */
  readonly askedAtMs: number;
}

/** Room for one viewer, which counts until it is given back. */
export interface Place {
  readonly stream: Stream;
  /** The viewer's address as the limits count it. */
  readonly address: string;
}

/** A play request and who makes it. */
interface Requested {
  readonly found: Found;
  readonly caller: Caller;
}

/** A place of a viewer on a connection of its own. */
export type ConnectionPlace = Place & Found;

/**
 * The door of the viewers: HTTP-FLV and WS-FLV on `/live/…`, one raw socket each once they are in. RTMP players
 * come in through `find`, `reserve` and `join`; those of HLS, which have no connection to keep, through `reserve`
 * and `enter`.
 */
export class Play {
  readonly #options: PlayOptions;
  readonly #limits: ViewerLimits;
  readonly #places = new Occupancy();
  readonly #webSockets: WebSocketEndpoint;
  /** WebSocket viewers have nothing to say but pings and the close. */
  readonly #webSocketHandler: WebSocketHandler = {
    onFailure: () => void this.#options.events.counters.framesMalformed++,
  };
  #isClosed = false;

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
    this.#webSockets = new WebSocketEndpoint({ closeTimeoutMs: config.drainMs });
  }

  get viewerCount(): number {
    return this.#places.size;
  }

  /** Refuses who comes from here on. */
  close(): void {
    this.#isClosed = true;
  }

  /** HTTP-FLV. */
  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, preflightHeaders).end();
      return;
    }
    this.#findRequested(request, 'http-flv')
      .then((requested) => this.#playHttp(request, response, requested))
      .catch((error: unknown) => this.#refuse(response, error));
  };

  /** WS-FLV. `head` is what came right behind the handshake. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (head.length > 0) socket.unshift(head);
    this.#findRequested(request, 'ws-flv')
      .then((requested) => this.#playWebSocket(request, socket, requested))
      .catch((error: unknown) => this.#refuseUpgrade(socket, error));
  };

  /**
   * The stream that somebody may play.
   * @throws CodedError STREAM_UNKNOWN, AUDIO_MISSING, PLAY_SIGNATURE_WRONG, UNAVAILABLE, and what `StreamLookup.find`
   * does
   */
  async find(target: PlayTarget): Promise<Found> {
    const { clock, lookup, keys } = this.#options;
    this.#checkOpen();
    const askedAtMs = clock.monotonicMs();
    const stream = await lookup.find(target);
    if (stream.identity.isPrivate) await keys.verify(stream.roomId, target.query);
    if (target.wanted === 'audio' && stream.isSilent) throw new CodedError(edgeErrors, 'AUDIO_MISSING');
    return { stream, latency: target.latency, wanted: target.wanted, askedAtMs };
  }

  /**
   * The last checks, in the same turn as the place is taken, so that no two viewers take the same one. It goes
   * back by `leave` for who has joined, by `quit` for who has entered, else by `release`.
   * @throws CodedError TOO_MANY_VIEWERS, STREAM_FULL, STREAM_UNKNOWN, UNAVAILABLE
   */
  reserve<Wish extends Pick<Place, 'stream'>>(found: Wish, address: string): Wish & Place {
    this.#checkOpen();
    const { config } = this.#options;
    const limits = { max: config.viewersMax, perAddressMax: config.viewersPerAddressMax };
    if (!this.#places.hasRoom(address, limits)) {
      throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS');
    }
    if (found.stream.state === 'ended') throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    this.#options.guard.checkRoom(found.stream);
    const place = { ...found, address };
    this.#options.guard.count(place.stream, 1);
    this.#places.take(address);
    return place;
  }

  /**
   * Asks whoever else decides about who has reserved a place. Without their word the place is released.
   * @throws what `ViewerGuard.ask` does
   */
  async admit(place: Place, caller: Caller, signal?: AbortSignal): Promise<void> {
    try {
      await this.#options.guard.ask(place, caller, signal);
    } catch (error) {
      this.release(place);
      throw error;
    }
  }

  release(place: Place): void {
    this.#options.guard.count(place.stream, -1);
    this.#places.giveBack(place.address);
    this.#options.guard.end(place);
  }

  join(
    { stream, latency, wanted, askedAtMs, address }: ConnectionPlace,
    socket: ViewerSocket,
    framing: Framing,
  ): Viewer {
    const { clock, events } = this.#options;
    const viewer = new Viewer({
      socket,
      framing,
      latency,
      wanted,
      remoteAddress: address,
      limits: this.#limits,
      tally: stream.tallies[latency],
      joinedAtMs: Math.round(clock.nowMs()),
      askedAtMs,
    });
    events.viewerJoined();
    const waitedMs = Math.round(clock.monotonicMs() - askedAtMs);
    stream.trace?.joined({ roomId: stream.roomId, framing, latency, waitedMs });
    stream.join(viewer);
    return viewer;
  }

  /** Call once when the connection of a viewer that joined is over. */
  leave(viewer: Viewer, place: Place): void {
    this.release(place);
    this.#options.events.viewerLeft();
    place.stream.leave(viewer);
  }

  /** A viewer without a connection that would say when it goes: it is one until `quit`. */
  enter({ stream }: Place): void {
    this.#options.events.viewerJoined();
    stream.players.count++;
  }

  quit(place: Place): void {
    this.release(place);
    this.#options.events.viewerLeft();
    place.stream.players.count--;
  }

  /**
   * The address of the client itself.
   * @throws CodedError ADDRESS_DENIED
   */
  clientOf(peer: string, forwardedFor?: string): string {
    const client = clientAddress(peer, forwardedFor, this.#options.trustedProxies);
    this.#options.guard.checkAddress(client);
    return client;
  }

  /** The same of a request. */
  requesterOf({ socket, headers }: IncomingMessage): string {
    return this.clientOf(socket.remoteAddress ?? '', headers['x-forwarded-for']?.toString());
  }

  async #findRequested(request: IncomingMessage, protocol: Caller['protocol']): Promise<Requested> {
    const address = this.requesterOf(request);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    }
    const target = parsePlayUrl(request.url ?? '');
    return { found: await this.find(target), caller: { address, protocol, query: target.query } };
  }

  async #playHttp(request: IncomingMessage, response: ServerResponse, requested: Requested): Promise<void> {
    const { found, caller } = requested;
    const place = this.reserve(found, rateKey(caller.address));
    if (request.method === 'HEAD') {
      this.release(place);
      response.writeHead(200, flvHeaders).end();
      return;
    }
    await this.admit(place, caller);
    const socket = takeSocket(response, { headers: flvHeaders });
    if (!socket) return this.release(place);
    const viewer = this.join(place, socket, 'flv');
    // One closure a viewer, since what one weighs counts ten thousand times.
    socket.once('close', () => this.leave(viewer, place));
  }

  async #playWebSocket(request: IncomingMessage, socket: Duplex, requested: Requested): Promise<void> {
    if (socket.destroyed) return;
    const { found, caller } = requested;
    const place = this.reserve(found, rateKey(caller.address));
    await this.admit(place, caller);
    if (socket.destroyed) return this.release(place);
    // Nagle on, as takeSocket does for HTTP-FLV.
    if (socket instanceof Socket) socket.setNoDelay(false);
    const connection = this.#acceptWebSocket(request, socket, place);
    const viewer = this.join(place, connection, 'webSocket');
    socket.once('close', () => this.leave(viewer, place));
  }

  #acceptWebSocket(request: IncomingMessage, socket: Duplex, place: Place): WebSocketConnection {
    try {
      return this.#webSockets.connect(socket, acceptWebSocket(request, socket), this.#webSocketHandler);
    } catch (error) {
      this.release(place);
      throw error;
    }
  }

  #checkOpen(): void {
    if (!this.#isClosed) return;
    throw new CodedError(commonErrors, 'UNAVAILABLE', {
      detail: 'the edge is draining',
      retryAfterSeconds: 1,
    });
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const coded = asCoded(error);
    this.#options.events.playRefused(coded.code);
    respondError(response, coded, allowOrigin);
  }

  #refuseUpgrade(socket: Duplex, error: unknown): void {
    const coded = asCoded(error);
    this.#options.events.playRefused(coded.code);
    refuseUpgrade(socket, coded);
  }
}

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import { Occupancy, rateKey, RateLimiter, TokenBucket, type HttpListener } from '@gala/lib/http';
import {
  acceptWebSocket,
  closeCodes,
  refuseUpgrade,
  WebSocketEndpoint,
  type WebSocketConnection,
  type WebSocketHandler,
} from '@gala/lib/websocket';
import { signalErrors } from '@gala/protocol/errors';
import { binarySubprotocol, clientMessageBytesMax, jsonSubprotocol } from '@gala/protocol/signals';
import type { SignalConfig } from './config.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import type { SignalEvents } from './events.ts';
import type { Fanout } from './fanout.ts';
import type { Sessions } from './sessions.ts';
import { encodingOf } from './shared.ts';
import { Wheel } from './wheel.ts';

export interface DoorParts {
  readonly clock: Clock;
  readonly config: SignalConfig;
  readonly listener: Pick<HttpListener, 'clientAddress'>;
  readonly sessions: Sessions;
  readonly fanout: Fanout;
  readonly events: SignalEvents;
}

/** How often time limits are looked at. */
export const turnMs = 1_000;
const subprotocols = [binarySubprotocol, jsonSubprotocol];
/** What a client may send: messages of the longest kind, a few at a time. */
const bytesPerSecondMax = 4 * clientMessageBytesMax;
const burstBytes = 16 * clientMessageBytesMax;
/** How long a client may take for its last words and the closing handshake. */
const closeTimeoutMs = 2_000;
const { policyViolation, tryAgainLater } = closeCodes;

/**
 * The door of clients, `/signal`: takes connections as far as the limits go, and looks after those that say nothing.
 * Who is refused for a limit costs neither a handshake nor a check of his ticket.
 */
export class Door implements ConnectionHost {
  readonly #parts: DoorParts;
  readonly #connections = new Map<number, Connection>();
  readonly #endpoint: WebSocketEndpoint;
  readonly #places = new Occupancy();
  readonly #joins: TokenBucket;
  readonly #joinsPerAddress: RateLimiter;
  readonly #wheel: Wheel<Connection>;
  isClosed = false;

  constructor(parts: DoorParts) {
    this.#parts = parts;
    const { clock, config } = parts;
    const limits = { messageBytesMax: clientMessageBytesMax, bytesPerSecondMax, burstBytes, closeTimeoutMs };
    this.#endpoint = new WebSocketEndpoint(limits);
    this.#joins = new TokenBucket(config.joins, clock.monotonicMs());
    this.#joinsPerAddress = new RateLimiter({ ...config.joinsPerAddress, clock });
    this.#wheel = new Wheel((connection) => this.#due(connection));
  }

  get size(): number {
    return this.#connections.size;
  }

  find(id: number): Connection | undefined {
    return this.#connections.get(id);
  }

  connections(): IterableIterator<Connection> {
    return this.#connections.values();
  }

  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    this.#parts.fanout.clientCame();
    try {
      this.#admit(request, socket, head);
    } catch (error) {
      if (!hasCode(error)) throw error;
      this.#parts.events.counters[error.code === 'JOINS_LIMITED' ? 'joinsLimited' : 'joinsRefused']++;
      refuseUpgrade(socket, error);
    }
  };

  receive(connection: Connection, data: Buffer, isBinary: boolean): void {
    this.#parts.sessions.receive(connection, data, isBinary);
  }

  malformed(): void {
    this.#parts.events.counters.messagesMalformed++;
  }

  over(connection: Connection): void {
    this.#connections.delete(connection.id);
    this.#places.giveBack(rateKey(connection.address));
    this.#parts.sessions.end(connection);
  }

  /** Looks after those who say nothing. Call every `turnMs`. */
  advance(): void {
    this.#wheel.advance();
  }

  #admit(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { config, listener, events } = this.#parts;
    const address = listener.clientAddress(request);
    const place = rateKey(address);
    this.#checkLimits(place);
    const accepted = acceptWebSocket(request, socket, { subprotocols, deflate: true });
    // What is written is a whole batch, so there is nothing to gather.
    if (socket instanceof Socket) socket.setNoDelay(true);
    if (head.length > 0) socket.unshift(head);
    this.#places.take(place);
    const encoding = encodingOf(accepted.subprotocol === jsonSubprotocol, accepted.deflate);
    const connect = (handler: WebSocketHandler): WebSocketConnection =>
      this.#endpoint.connect(socket, accepted, handler);
    const connection = new Connection({ connect, host: this, address, encoding });
    this.#connections.set(connection.id, connection);
    this.#wheel.add(connection, config.helloMs / turnMs);
    events.counters.joins++;
  }

  /** @throws CodedError NODE_DRAINS, TOO_MANY_CONNECTIONS, JOINS_LIMITED */
  #checkLimits(place: string): void {
    const { clock, config } = this.#parts;
    if (this.isClosed) throw new CodedError(signalErrors, 'NODE_DRAINS', { retryAfterSeconds: 1 });
    const limits = { max: config.connectionsMax, perAddressMax: config.connectionsPerAddressMax };
    if (!this.#places.hasRoom(place, limits)) {
      throw new CodedError(signalErrors, 'TOO_MANY_CONNECTIONS', { retryAfterSeconds: 5 });
    }
    const waitSeconds = this.#joinsPerAddress.take(place) || this.#joins.take(clock.monotonicMs());
    if (waitSeconds === 0) return;
    throw new CodedError(signalErrors, 'JOINS_LIMITED', { retryAfterSeconds: Math.max(1, waitSeconds) });
  }

  /** Answers in how many turns the connection is to be looked at again; 0: never. */
  #due(connection: Connection): number {
    if (connection.closed) return 0;
    const { clock, config, events } = this.#parts;
    if (connection.stage === 'new') {
      connection.bye({ code: 'HELLO_EXPECTED', retryAfterMs: 0 }, policyViolation);
      return 0;
    }
    const silentMs = clock.monotonicMs() - connection.socket.heardAtMs;
    if (silentMs >= config.heartBeatMs) {
      events.counters.evictedSilent++;
      connection.bye({ code: 'SILENT', retryAfterMs: 0 }, tryAgainLater);
      return 0;
    }
    const isHalf = silentMs >= config.heartBeatMs / 2;
    if (isHalf) connection.socket.ping();
    return ((isHalf ? config.heartBeatMs : config.heartBeatMs / 2) - silentMs) / turnMs;
  }
}

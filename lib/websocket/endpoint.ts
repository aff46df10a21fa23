import type { Duplex } from 'node:stream';
import { WebSocketConnection, type WebSocketHandler } from './connection.ts';
import type { Accepted } from './handshake.ts';
import { Receivers } from './receivers.ts';

/** What one connection may do. */
export interface WebSocketLimits {
  /** Of a message, decompressed; a longer one closes the connection with 1009. */
  readonly messageBytesMax: number;
  /** Frames that one message may come in; more close it with 1008. */
  readonly fragmentsMax: number;
  /** What a peer may send on average, headers included; who sends more is closed with 1008. */
  readonly bytesPerSecondMax: number;
  /** What it may send at once after a rest. */
  readonly burstBytes: number;
  /** How long a peer may take for the rest of the closing handshake, and for what was written before it. */
  readonly closeTimeoutMs: number;
}

const defaultLimits: WebSocketLimits = {
  messageBytesMax: 1024,
  fragmentsMax: 64,
  bytesPerSecondMax: 4096,
  burstBytes: 4096,
  closeTimeoutMs: 5000,
};

/** What a connection asks of the endpoint that made it. */
export interface ConnectionShare {
  readonly limits: WebSocketLimits;
  readonly receivers: Receivers;
  /** The connection is closing: it is destroyed when that takes too long. */
  watch(connection: WebSocketConnection): void;
  forget(connection: WebSocketConnection): void;
}

/**
 * What the WebSocket connections of one path share, so that one of them weighs next to nothing beyond its socket:
 * limits, frame parsers, and one timer for all that are closing, which runs only while there are some.
 */
export class WebSocketEndpoint {
  /** Connections that did not finish closing in time, since the start. */
  closesTimedOut = 0;
  readonly #closing = new Set<WebSocketConnection>();
  readonly #share: ConnectionShare;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: Partial<WebSocketLimits> = {}) {
    const all = { ...defaultLimits, ...limits };
    this.#share = {
      limits: all,
      receivers: new Receivers(all),
      watch: (connection) => this.#watch(connection),
      forget: (connection) => void this.#closing.delete(connection),
    };
  }

  /** Frame parsers made since the start: far less than connections. */
  get receiversMade(): number {
    return this.#share.receivers.made;
  }

  /** Takes over a socket whose handshake was accepted. What came behind the handshake must be unshifted before. */
  connect(socket: Duplex, accepted: Accepted, handler: WebSocketHandler): WebSocketConnection {
    return new WebSocketConnection({ socket, accepted, handler, share: this.#share });
  }

  #watch(connection: WebSocketConnection): void {
    this.#closing.add(connection);
    this.#timer ??= setInterval(() => this.#sweep(), this.#share.limits.closeTimeoutMs / 4).unref();
  }

  /** They stand in the order in which they began to close, and all have the same time. */
  #sweep(): void {
    const endMs = performance.now() - this.#share.limits.closeTimeoutMs;
    for (const connection of this.#closing) {
      if (connection.closingSinceMs > endMs) return;
      this.closesTimedOut++;
      this.#closing.delete(connection);
      connection.destroy();
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

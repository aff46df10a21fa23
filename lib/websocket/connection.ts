import type { Duplex } from 'node:stream';
import type { ConnectionShare } from './endpoint.ts';
import { closeCodeOf, closeCodes } from './errors.ts';
import { closeFrame, pingFrame, pongFrame } from './frame.ts';
import type { Accepted } from './handshake.ts';
import type { LentReceiver, ReceiverOwner } from './receivers.ts';

/** What happens on a connection. One object may serve all connections, or each have its own. */
export interface WebSocketHandler {
  /** A whole message; text is valid UTF-8. `data` may be a view of a larger buffer: copy what is kept for long. */
  onMessage?(data: Buffer, isBinary: boolean, connection: WebSocketConnection): void;
  onPong?(data: Buffer, connection: WebSocketConnection): void;
  /** The peer broke the protocol or a limit, and is being closed with this status. */
  onFailure?(code: number, connection: WebSocketConnection): void;
  /**
   * Once, when the connection is over.
   * @param code what the peer closed with; 1005 without a status, 1006 when it went without a close frame
   */
  onClose?(code: number, connection: WebSocketConnection): void;
}

interface ConnectionOptions {
  readonly socket: Duplex;
  readonly accepted: Accepted;
  readonly handler: WebSocketHandler;
  readonly share: ConnectionShare;
}

/** Beyond this backlog pings stay without answer: who does not read cannot miss it (RFC 6455, 5.5.3). */
const pongBacklogBytesMax = 65_536;

/**
 * The server's side of one WebSocket connection (RFC 6455). What is sent are whole frames made by `encodeFrame`,
 * so that connections share them. It answers pings, keeps the closing handshake and its limits, and weighs about
 * as much as its fields: listeners and parsers are shared.
 */
export class WebSocketConnection implements ReceiverOwner {
  readonly socket: Duplex;
  readonly accepted: Accepted;
  /** When the peer last sent anything, monotonic. */
  heardAtMs = wholeMs();
  /** Monotonic; 0 while it is open. */
  closingSinceMs = 0;
  readonly #handler: WebSocketHandler;
  readonly #share: ConnectionShare;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #peerCode: number = closeCodes.abnormal;
  #allowanceBytes: number;
  #receiver: LentReceiver | undefined;

  constructor({ socket, accepted, handler, share }: ConnectionOptions) {
    this.socket = socket;
    this.accepted = accepted;
    this.#handler = handler;
    this.#share = share;
    this.#allowanceBytes = share.limits.burstBytes;
    (socket as HeldSocket)[connectionOf] = this;
    // A second one would have nothing to do, and a list of two weighs 100 bytes a connection.
    if (socket.listenerCount('error') === 0) socket.on('error', destroy);
    socket.on('close', over).on('end', peerEnded).on('data', heard);
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Bytes that were written and not taken by the kernel yet. */
  get writableLength(): number {
    return this.socket.writableLength;
  }

  /** Sends a whole frame. Dropped once the connection closes. */
  write(frame: Buffer): void {
    if (this.#state === 'open') this.socket.write(frame);
  }

  /** @param data at most 125 bytes; it comes back as a pong */
  ping(data: Uint8Array = new Uint8Array()): void {
    this.write(pingFrame(data));
  }

  /**
   * Begins the closing handshake behind what is written. What the peer still says is not read; without its answer
   * the connection is destroyed after `closeTimeoutMs`.
   */
  close(code: number = closeCodes.normal, reason?: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.socket.write(closeFrame(code, reason));
    this.#watch();
  }

  /** As streams have it: the closing handshake with status 1000. */
  end(): void {
    this.close();
  }

  /** Ends it without a word. */
  destroy(): void {
    this.#state = 'closed';
    this.socket.destroy();
  }

  readMessage(data: Buffer, isBinary: boolean): void {
    if (this.#state !== 'open') return;
    // The parser of compressed messages is done with one only after this call.
    if (this.accepted.deflate) queueMicrotask(() => this.#giveBackReceiver());
    this.#handler.onMessage?.(data, isBinary, this);
  }

  readPing(data: Buffer): void {
    if (this.#state === 'open' && this.socket.writableLength < pongBacklogBytesMax) {
      this.socket.write(pongFrame(data));
    }
  }

  readPong(data: Buffer): void {
    if (this.#state === 'open') this.#handler.onPong?.(data, this);
  }

  /** The server is the one that closes the connection below (RFC 6455, 7.1.1). */
  readClose(code: number): void {
    this.#peerCode = code;
    this.#finish(this.#state === 'open' ? closeFrame(code) : undefined);
  }

  readError(error: { readonly code?: string }): void {
    this.fail(closeCodeOf(error));
  }

  /** Closes for what the peer did (RFC 6455, 7.1.7): nothing more of it is read. */
  fail(code: number): void {
    if (this.#state === 'closed') return;
    const lastFrame = this.#state === 'open' ? closeFrame(code) : undefined;
    this.#finish(lastFrame);
    this.#handler.onFailure?.(code, this);
  }

  /** Bytes of the peer, as the socket brings them. */
  receive(bytes: Buffer): void {
    const isWithin = this.#takeAllowance(bytes.length);
    if (this.#state === 'closed') return isWithin ? undefined : this.destroy();
    if (!isWithin) return this.fail(closeCodes.policyViolation);
    this.#receiver ??= this.#share.receivers.lend(this, this.accepted.deflate);
    this.#receiver.write(bytes);
    this.#giveBackReceiver();
  }

  /** The peer sends no more; without a close frame before it that is the end as well. */
  peerEnded(): void {
    this.#finish();
  }

  /** The socket is gone. */
  over(): void {
    this.#state = 'closed';
    this.#dropReceiver();
    this.#share.forget(this);
    this.#handler.onClose?.(this.#peerCode, this);
  }

  #takeAllowance(bytes: number): boolean {
    const { bytesPerSecondMax, burstBytes } = this.#share.limits;
    const nowMs = wholeMs();
    const earned = Math.trunc(((nowMs - this.heardAtMs) * bytesPerSecondMax) / 1000);
    this.#allowanceBytes = Math.min(burstBytes, this.#allowanceBytes + earned) - bytes;
    this.heardAtMs = nowMs;
    return this.#allowanceBytes >= 0;
  }

  /**
   * Ends the socket behind what is written and `lastFrame`. One more burst is read and dropped: bytes that nobody
   * reads would reset the connection before the peer has the last frame.
   */
  #finish(lastFrame?: Buffer): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#allowanceBytes = this.#share.limits.burstBytes;
    this.#dropReceiver();
    this.socket.end(lastFrame);
    this.#watch();
  }

  #watch(): void {
    if (this.closingSinceMs > 0) return;
    this.closingSinceMs = wholeMs();
    this.#share.watch(this);
  }

  #giveBackReceiver(): void {
    if (this.#receiver?.isReusable) this.#dropReceiver();
  }

  #dropReceiver(): void {
    if (!this.#receiver) return;
    this.#share.receivers.giveBack(this.#receiver);
    this.#receiver = undefined;
  }
}

/** A field that ever had a fraction is a number of its own on the heap, in every connection: 16 bytes each. */
function wholeMs(): number {
  return Math.trunc(performance.now());
}

const connectionOf = Symbol('WebSocket connection');
type HeldSocket = Duplex & { [connectionOf]?: WebSocketConnection };

function destroy(this: Duplex): void {
  this.destroy();
}

function heard(this: HeldSocket, bytes: Buffer): void {
  this[connectionOf]?.receive(bytes);
}

function peerEnded(this: HeldSocket): void {
  this[connectionOf]?.peerEnded();
}

function over(this: HeldSocket): void {
  this[connectionOf]?.over();
}

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Clock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import { peerErrors, type PeerErrorCode } from './errors.ts';
import { ReplyParser, type Reply } from './replies.ts';

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** Hard: whatever the node does, a request is over after it. */
  readonly limitMs: number;
  readonly clock: Clock;
}

/** Replies that may be outstanding; one more request is PEER_BUSY. */
const repliesMax = 8192;
/** Bytes that may wait to be sent; one more request is PEER_BUSY. */
const unsentBytesMax = 16 * 1024 * 1024;

interface Batch {
  readonly replyCount: number;
  readonly replies: Reply[];
  readonly sentAtMs: number;
  readonly resolve: (replies: Reply[]) => void;
  readonly reject: (error: CodedError) => void;
  /** Its time was over; the replies still come and belong to nobody. */
  isAbandoned: boolean;
}

/**
 * A pipelined connection to one Memcached (meta protocol, memcached 1.6 or newer), made when it is first needed and
 * again after it broke. A node that is silent for the limit loses its connection, since after a cut network the old
 * one may hear nothing for minutes; one that is merely slow loses the requests that are late.
 */
export class NodeConnection implements Disposable {
  readonly #options: ConnectionOptions;
  /** In the order of their replies. */
  readonly #batches: Batch[] = [];
  #socket: Socket | undefined;
  #repliesAwaited = 0;
  #heardAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #isCorked = false;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** False when `replyCount` more would be PEER_BUSY. */
  hasRoomFor(replyCount: number): boolean {
    const unsentBytes = this.#socket?.writableLength ?? 0;
    return this.#repliesAwaited + replyCount <= repliesMax && unsentBytes <= unsentBytesMax;
  }

  /**
   * Sends commands that have `replyCount` replies together. Errors: PEER_TIMEOUT, PEER_UNREACHABLE, PEER_PROTOCOL,
   * PEER_BUSY, PEER_CLOSED.
   */
  request(commands: readonly (string | Buffer)[], replyCount: number): Promise<Reply[]> {
    if (this.#isClosed) return Promise.reject(peerError('PEER_CLOSED'));
    if (!this.hasRoomFor(replyCount)) return Promise.reject(peerError('PEER_BUSY'));
    return new Promise((resolve, reject) => {
      const sentAtMs = this.#options.clock.monotonicMs();
      this.#batches.push({ replyCount, replies: [], sentAtMs, resolve, reject, isAbandoned: false });
      this.#repliesAwaited += replyCount;
      this.#write(this.#socket ?? this.#open(), commands);
      this.#watch();
    });
  }

  /** Waits for a connection, which may take longer than an answer. Errors: PEER_TIMEOUT, PEER_UNREACHABLE, PEER_CLOSED. */
  async connect(limitMs: number): Promise<void> {
    if (this.#isClosed) throw peerError('PEER_CLOSED');
    const socket = this.#socket ?? this.#open();
    if (!socket.connecting) return;
    const timeout = AbortSignal.timeout(limitMs);
    try {
      await once(socket, 'connect', { signal: timeout });
    } catch (cause) {
      const error = peerError(timeout.aborted ? 'PEER_TIMEOUT' : 'PEER_UNREACHABLE', cause);
      this.#break(socket, error);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    if (this.#socket) this.#break(this.#socket, peerError('PEER_CLOSED'));
  }

  #open(): Socket {
    const { host, port } = this.#options;
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const parser = new ReplyParser((reply) => this.#take(socket, reply));
    socket.on('data', (chunk: Buffer) => this.#hear(socket, parser, chunk));
    socket.on('error', (error) => this.#break(socket, peerError('PEER_UNREACHABLE', error)));
    socket.on('close', () => this.#break(socket, peerError('PEER_UNREACHABLE')));
    this.#socket = socket;
    return socket;
  }

  /** What is asked for in one turn of the loop leaves in one write. */
  #write(socket: Socket, commands: readonly (string | Buffer)[]): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        socket.uncork();
      });
    }
    for (const part of commands) socket.write(part, 'latin1');
  }

  #hear(socket: Socket, parser: ReplyParser, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    try {
      parser.push(chunk);
    } catch (error) {
      this.#break(socket, error instanceof CodedError ? error : peerError('PEER_PROTOCOL', error));
    }
  }

  #take(socket: Socket, reply: Reply): void {
    if (socket !== this.#socket) return;
    const batch = this.#batches.at(0);
    if (!batch) throw peerError('PEER_PROTOCOL');
    if (batch.replies.push(reply) < batch.replyCount) return;
    this.#batches.shift();
    this.#repliesAwaited -= batch.replyCount;
    if (!batch.isAbandoned) batch.resolve(batch.replies);
  }

  #watch(): void {
    if (this.#timer) return;
    const next = this.#batches.find(({ isAbandoned }) => !isAbandoned);
    if (!next) return;
    const { limitMs, clock } = this.#options;
    const leftMs = next.sentAtMs + limitMs - clock.monotonicMs();
    // After a pause of our own process the timer comes first, though the replies may be there: they are read before.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), Math.max(1, leftMs));
  }

  #expire(): void {
    this.#timer = undefined;
    const lateMs = this.#options.clock.monotonicMs() - this.#options.limitMs;
    for (const batch of this.#batches) {
      if (batch.sentAtMs > lateMs) break;
      if (batch.isAbandoned) continue;
      if (batch.sentAtMs >= this.#heardAtMs && this.#socket) {
        return this.#break(this.#socket, peerError('PEER_TIMEOUT'));
      }
      batch.isAbandoned = true;
      batch.reject(peerError('PEER_TIMEOUT'));
    }
    this.#watch();
  }

  #break(socket: Socket, error: CodedError): void {
    socket.destroy();
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#isCorked = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#repliesAwaited = 0;
    for (const { isAbandoned, reject } of this.#batches.splice(0)) if (!isAbandoned) reject(error);
  }
}

function peerError(code: PeerErrorCode, cause?: unknown): CodedError {
  return new CodedError(peerErrors, code, { cause });
}

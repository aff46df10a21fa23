import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { TokenBucket } from '@gala/lib/http';
import { MediaError } from '@gala/media/error';
import { createServerSession, type MediaMessage, type PublishRequest } from '@gala/media/rtmp';
import type { PlayRequest, ServerSession, ServerSessionStage } from '@gala/media/rtmp';
import type { RtmpConnectionHandler, RtmpDecision } from './connection-handler.ts';
import type { RtmpEndReason, RtmpServerCounters } from './counters.ts';
import type { RtmpServerLimits } from './limits.ts';
import { RoundTrip } from './round-trip.ts';

type Role = 'publish' | 'play';
type Request = PublishRequest | PlayRequest;

const timeoutReasons: Partial<Record<ServerSessionStage, RtmpEndReason>> = {
  handshake: 'HANDSHAKE_TIMEOUT',
  command: 'COMMAND_TIMEOUT',
  connected: 'REQUEST_TIMEOUT',
  deciding: 'DECISION_TIMEOUT',
  publishing: 'PUBLISHER_IDLE',
};

/** Ends behind which something is still to be read by the peer. */
const lingeringReasons = new Set<RtmpEndReason>([
  'REFUSED',
  'DISMISSED',
  'STREAM_ENDED',
  'DECISION_FAILED',
  'DECISION_TIMEOUT',
  'PEER_CLOSED',
]);

/** What a listener gives each of its connections. */
export interface RtmpServerConnectionOptions {
  socket: Socket;
  limits: RtmpServerLimits;
  counters: RtmpServerCounters;
  fourCcList: readonly string[];
  onSession: (connection: RtmpServerConnection) => RtmpConnectionHandler;
  /** Called once, when the connection is over. */
  onClosed: (connection: RtmpServerConnection, reason: RtmpEndReason) => void;
}

/** One accepted socket: feeds the session, keeps its time and memory limits, and closes in good order. */
export class RtmpServerConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** RTMPS. */
  readonly isSecure: boolean;
  readonly #socket: Socket;
  readonly #limits: RtmpServerLimits;
  readonly #counters: RtmpServerCounters;
  readonly #handler: RtmpConnectionHandler;
  readonly #session: ServerSession;
  readonly #onClosed: RtmpServerConnectionOptions['onClosed'];
  readonly #openedAtMs = performance.now();
  /** The stage the deadline was set for, and when it began. */
  #stage: ServerSessionStage = 'handshake';
  #stageAtMs = this.#openedAtMs;
  #lastByteAtMs = this.#openedAtMs;
  #deadline: NodeJS.Timeout | undefined;
  #decision: AbortController | undefined;
  /** What a player may still send; its answers would pile up in front of the media. */
  #playerAllowance: TokenBucket | undefined;
  #roundTrip: RoundTrip | undefined;
  #heldBytes = 0;
  #batchMessages = 0;
  #isEnded = false;

  constructor(options: RtmpServerConnectionOptions) {
    const { socket, limits, fourCcList } = options;
    this.#socket = socket;
    this.#limits = limits;
    this.#counters = options.counters;
    this.#onClosed = options.onClosed;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.isSecure = socket instanceof TLSSocket;
    this.#session = createServerSession({
      limits: limits.session,
      fourCcList,
      handler: {
        onWrite: (bytes) => this.#socket.write(bytes),
        onPublish: (request) => this.#decide('publish', request),
        onPlay: (request) => this.#decide('play', request),
        onMedia: (message) => this.#onMedia(message),
        onPublishEnd: (reason) => this.#handler.onPublishEnd?.(reason),
        onPlayEnd: () => this.#handler.onPlayEnd?.(),
        onPong: (value) => this.#roundTrip?.answered(value),
      },
    });
    this.#handler = options.onSession(this);
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('end', () => this.#end('PEER_CLOSED'));
    socket.on('error', (error) => this.#end(isTlsError(error) ? 'TLS_FAILED' : 'CONNECTION_LOST'));
    socket.on('close', () => this.#end('CONNECTION_LOST'));
    this.#armDeadline();
  }

  get stage(): ServerSessionStage {
    return this.#session.stage;
  }

  /** Chunk size of this player, for `encodeMessage` when many players get the same bytes. */
  get chunkBytes(): number {
    return this.#session.chunkBytes;
  }

  /** Time to the publisher and back; undefined for one that has not answered a ping. */
  get rttMs(): number | undefined {
    return this.#roundTrip?.ms;
  }

  /** Bytes waiting in the socket; the owner bounds them for players. */
  get writableLength(): number {
    return this.#socket.writableLength;
  }

  /** Ends a publisher that another takes over, or that is not wanted any more: it reads `code`, then the end. */
  dismissPublisher(code?: string, description?: string): void {
    if (this.#isEnded) return;
    this.#session.refusePublish(code, description);
    this.#end('DISMISSED');
  }

  /** Sends media to a player. Bounded by the owner, who looks at `writableLength`. */
  sendMedia(message: MediaMessage): void {
    if (!this.#isEnded) this.#session.sendMedia(message);
  }

  /** Sends bytes of `encodeMessage` to a player. */
  sendEncoded(bytes: Buffer): void {
    if (!this.#isEnded && this.#session.stage === 'playing') this.#socket.write(bytes);
  }

  /** Tells a player that the stream is over and closes. */
  endPlay(): void {
    if (this.#isEnded) return;
    this.#session.endPlay();
    this.#end('STREAM_ENDED');
  }

  /** Closes without a word. */
  close(reason: RtmpEndReason = 'SERVER_CLOSED'): void {
    this.#end(reason);
  }

  #onData(bytes: Buffer): void {
    this.#counters.receivedBytes += bytes.length;
    if (this.#isEnded) return;
    this.#lastByteAtMs = performance.now();
    if (this.#session.stage === 'playing' && !this.#mayPlayerSend(bytes.length)) this.#end('PLAYER_FLOOD');
    else this.#run(() => this.#session.push(bytes));
  }

  /** Runs the session, writes its answers in one piece, and looks at the limits afterwards. */
  #run(action: () => void): void {
    this.#socket.cork();
    try {
      action();
      this.#endBatch();
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#end(error.code);
    } finally {
      this.#socket.uncork();
    }
    if (!this.#isEnded) this.#checkLimits();
  }

  #checkLimits(): void {
    this.#account(this.#session.heldBytes);
    if (this.#counters.heldBytes > this.#limits.heldBytesMax) this.#end('PROCESS_MEMORY_MAX');
    const { stage } = this.#session;
    if (stage !== 'playing' && this.#socket.writableLength > this.#limits.unreadBytesMax) {
      this.#end('UNREAD_ANSWERS_MAX');
    }
    if (stage === this.#stage || this.#isEnded) return;
    this.#stage = stage;
    this.#stageAtMs = performance.now();
    // A player gets many messages in one write: Nagle costs it nothing, and half-empty packets cost much.
    if (stage === 'playing') this.#socket.setNoDelay(false);
    this.#measureRoundTrip();
    this.#armDeadline();
  }

  /** Of publishers, as long as they are: what players see of the way to them is their backlog. */
  #measureRoundTrip(): void {
    this.#roundTrip?.[Symbol.dispose]();
    this.#roundTrip = undefined;
    if (this.#stage !== 'publishing') return;
    const ping = (value: number): void => this.#session.ping(value);
    this.#roundTrip = new RoundTrip({ intervalMs: this.#limits.pingMs, ping });
  }

  #mayPlayerSend(bytes: number): boolean {
    const perSecond = this.#limits.playerBytesPerSecond;
    this.#playerAllowance ??= new TokenBucket({ perSecond, burst: perSecond }, this.#lastByteAtMs);
    return this.#playerAllowance.take(this.#lastByteAtMs, bytes) === 0;
  }

  #account(heldBytes: number): void {
    this.#counters.heldBytes += heldBytes - this.#heldBytes;
    this.#heldBytes = heldBytes;
  }

  #onMedia(message: MediaMessage): void {
    this.#batchMessages += 1;
    this.#handler.onMedia(message);
  }

  #endBatch(): void {
    if (this.#batchMessages === 0) return;
    this.#batchMessages = 0;
    if (!this.#isEnded) this.#handler.onBatchEnd?.();
  }

  #decide(role: Role, request: Request): void {
    const decision = new AbortController();
    this.#decision = decision;
    const answer =
      role === 'publish' ? this.#askPublish(request, decision) : this.#askPlay(request, decision);
    if (!(answer instanceof Promise)) {
      this.#apply(role, answer);
      return;
    }
    // The kernel holds the peer back meanwhile; what has been read already is held by the session.
    this.#socket.pause();
    answer.then(
      (value) => this.#applyLater(decision, () => this.#apply(role, value)),
      (error: unknown) => {
        this.#handler.onDecisionError?.(error);
        this.#applyLater(decision, () => this.#fail(role));
      },
    );
  }

  #askPublish(request: Request, decision: AbortController): RtmpDecision | Promise<RtmpDecision> {
    return this.#handler.onPublish(request as PublishRequest, decision.signal);
  }

  #askPlay(request: Request, decision: AbortController): RtmpDecision | Promise<RtmpDecision> {
    return this.#handler.onPlay?.(request as PlayRequest, decision.signal) ?? { accept: false };
  }

  #applyLater(decision: AbortController, action: () => void): void {
    if (decision.signal.aborted || this.#isEnded) return;
    this.#run(action);
    this.#socket.resume();
  }

  #apply(role: Role, decision: RtmpDecision): void {
    this.#decision = undefined;
    const isPublish = role === 'publish';
    if (isPublish) this.#counters[decision.accept ? 'publishesAccepted' : 'publishesRefused'] += 1;
    if (!decision.accept) {
      const { code, description } = decision;
      if (isPublish) this.#session.refusePublish(code, description);
      else this.#session.refusePlay(code, description);
      this.#end('REFUSED');
      return;
    }
    // Accepting a publisher reads what it has sent already, accepting a player writes what must come first.
    if (isPublish) this.#handler.onStart?.(role);
    if (isPublish) this.#session.acceptPublish();
    else this.#session.acceptPlay();
    // What the player sent meanwhile may have ended it already.
    if (!isPublish && this.#session.stage === 'playing') this.#handler.onStart?.(role);
  }

  #fail(role: Role, reason: RtmpEndReason = 'DECISION_FAILED'): void {
    this.#decision = undefined;
    if (role === 'publish') {
      this.#counters.publishesRefused += 1;
      this.#session.refusePublish('NetStream.Publish.Failed', 'The request could not be decided');
    } else this.#session.refusePlay('NetStream.Play.Failed', 'The request could not be decided');
    this.#end(reason);
  }

  #armDeadline(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    const atMs = this.#deadlineAtMs();
    if (atMs === undefined) return;
    this.#deadline = setTimeout(() => this.#onDeadline(), Math.max(atMs - performance.now(), 1));
    this.#deadline.unref();
  }

  #deadlineAtMs(): number | undefined {
    const { handshakeMs, commandMs, requestMs, decisionMs, publisherIdleMs } = this.#limits;
    switch (this.#stage) {
      case 'handshake':
        return this.#openedAtMs + handshakeMs;
      case 'command':
        return this.#openedAtMs + commandMs;
      case 'connected':
        return this.#stageAtMs + requestMs;
      case 'deciding':
        return this.#stageAtMs + decisionMs;
      case 'publishing':
        return this.#lastByteAtMs + publisherIdleMs;
      default:
        return undefined;
    }
  }

  #onDeadline(): void {
    const atMs = this.#deadlineAtMs();
    if (atMs !== undefined && performance.now() < atMs) {
      this.#armDeadline();
      return;
    }
    const reason = timeoutReasons[this.#stage];
    if (reason === undefined) return;
    if (reason === 'DECISION_TIMEOUT') this.#failUndecided();
    else this.#end(reason);
  }

  #failUndecided(): void {
    this.#decision?.abort();
    this.#socket.resume();
    this.#fail(this.#session.pendingRole ?? 'publish', 'DECISION_TIMEOUT');
  }

  #end(reason: RtmpEndReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#deadline);
    this.#decision?.abort();
    this.#roundTrip?.[Symbol.dispose]();
    this.#session.close();
    this.#account(0);
    this.#closeSocket(reason);
    this.#onClosed(this, reason);
    this.#handler.onEnd(reason);
  }

  /** A peer that was answered may read the answer; all others are dropped at once. */
  #closeSocket(reason: RtmpEndReason): void {
    if (!lingeringReasons.has(reason)) {
      this.#socket.destroy();
      return;
    }
    // Unread input would turn the end into a reset that overtakes the answer, so it is read and thrown away.
    this.#socket.resume();
    this.#socket.end();
    const linger = setTimeout(() => this.#socket.destroy(), this.#limits.lingerMs);
    linger.unref();
    this.#socket.once('close', () => clearTimeout(linger));
  }
}

function isTlsError({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS');
}

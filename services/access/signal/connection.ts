import type { WebSocketConnection, WebSocketHandler } from '@gala/lib/websocket';
import type { ByeMessage, ServerMessage } from '@gala/protocol/signals';
import type { SignalTicket } from '@gala/protocol/ticket';
import type { Place } from './backlog.ts';
import type { Group } from './group.ts';
import type { Room } from './room.ts';
import { textFrame, type Encoding } from './shared.ts';

/** What a connection needs of its socket. */
export type ClientSocket = Pick<
  WebSocketConnection,
  'writableLength' | 'heardAtMs' | 'write' | 'ping' | 'close' | 'destroy'
>;

export type MediaHealth = 'good' | 'poor' | 'stalled';

/** What happens to connections; one for all of them. */
export interface ConnectionHost {
  receive(connection: Connection, data: Buffer, isBinary: boolean): void;
  malformed(): void;
  over(connection: Connection): void;
}

export interface ConnectionOptions {
  readonly connect: (handler: WebSocketHandler) => ClientSocket;
  readonly host: ConnectionHost;
  readonly address: string;
  readonly encoding: Encoding;
}

/** Ids of the connections of this process, never given twice. */
let lastId = 0;

/**
 * One client. It keeps no bytes of its own: what it has not taken yet are references to buffers that others share.
 * Twenty thousand of them are a process: a field more weighs 160 KB.
 */
export class Connection implements WebSocketHandler {
  readonly id = ++lastId;
  /** Of the client itself, behind all proxies that are believed. */
  readonly address: string;
  readonly encoding: Encoding;
  readonly socket: ClientSocket;
  readonly #host: ConnectionHost;
  ticket: SignalTicket | undefined;
  room: Room | undefined;
  group: Group | undefined;
  /** What the client has to do next: say hello, wait for its room; or it is a member of it. */
  stage: 'new' | 'greeted' | 'member' | 'gone' = 'new';
  /** Number of the last thing said in the room that it has; what has a higher one is still to be sent. */
  after = 0;
  /** Of the last thing that was sent before some were left out; undefined while none is. */
  missedAfter: Place | undefined;
  /** Monotonic time since which it owes anything, and since which it is over its bound; 0 while it is not. */
  owingSinceMs = 0;
  stoppedSinceMs = 0;
  /** By its queue, as a place in `tiers`; until when it may not go up again. */
  queueTier = 0;
  tierUntilMs = 0;
  health: MediaHealth = 'good';
  /** Nothing is written to it any more. */
  closed = false;
  /** What it may still say, in thousandths of a message, and since when that was not looked at (whole ms). */
  creditMilli = 0;
  filledAtMs = 0;

  constructor({ connect, host, address, encoding }: ConnectionOptions) {
    this.#host = host;
    this.address = address;
    this.encoding = encoding;
    this.socket = connect(this);
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    this.#host.receive(this, data, isBinary);
  }

  onFailure(): void {
    this.#host.malformed();
  }

  onClose(): void {
    this.#host.over(this);
  }

  send(message: ServerMessage): void {
    this.write(textFrame(message));
  }

  write(frame: Buffer): void {
    if (!this.closed) this.socket.write(frame);
  }

  /** Says why, and closes behind what is queued. */
  bye(bye: Omit<ByeMessage, 'type'>, closeCode: number): void {
    this.send({ type: 'bye', ...bye });
    this.close(closeCode);
  }

  close(closeCode: number): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.close(closeCode);
  }

  /** Without a word: it would not take one. */
  destroy(): void {
    this.closed = true;
    this.socket.destroy();
  }
}

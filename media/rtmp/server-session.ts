import { randomBytes } from 'node:crypto';
import { MediaError } from '../error/index.ts';
import { splitAggregate } from './aggregate.ts';
import { OUT_CHUNK_BYTES } from './chunk-writer.ts';
import { asString, commandMessage, decodeCommand, isCommand, statusMessage } from './command.ts';
import type { RtmpCommand } from './command.ts';
import { peerBandwidthMessage, userControlMessage, windowAckSizeMessage } from './control.ts';
import { stripDataFrame } from './data-frame.ts';
import type { RandomBytes } from './handshake.ts';
import { rtmpLimits, type RtmpLimits } from './limits.ts';
import { RtmpLink } from './link.ts';
import { messageType, toRtmpMessage, type MediaMessage, type RtmpMessage } from './message.ts';
import { playStartMessages } from './play-start.ts';
import { ServerHandshake } from './server-handshake.ts';
import {
  toConnectRequest,
  toPlayRequest,
  toPublishRequest,
  type ConnectRequest,
  type PlayRequest,
  type PublishRequest,
} from './server-request.ts';

const WINDOW_BYTES = 5_000_000;
const ANSWER_NAMES = new Set(['_result', '_error', 'onStatus', 'close']);

/** Which command ended a publication. */
export type PublishEndReason = 'FCUnpublish' | 'deleteStream' | 'closeStream';

/** What a server session tells its owner, always inside `push`, `acceptPublish` or `acceptPlay`. */
export interface ServerSessionHandler {
  /** Bytes for the peer, in order. */
  onWrite(bytes: Buffer): void;
  onConnect?(request: ConnectRequest): void;
  /** Answer with `acceptPublish` or `refusePublish`, now or later; nothing is parsed until then. */
  onPublish(request: PublishRequest): void;
  /** Answer with `acceptPlay` or `refusePlay`, now or later; nothing is parsed until then. */
  onPlay(request: PlayRequest): void;
  onMedia(message: MediaMessage): void;
  onPublishEnd(reason: PublishEndReason): void;
  onPlayEnd?(): void;
  /** The peer has answered `ping`. */
  onPong?(value: number): void;
}

export interface ServerSessionOptions {
  handler: ServerSessionHandler;
  limits?: RtmpLimits;
  /** Enhanced RTMP codecs to offer to clients that ask. */
  fourCcList?: readonly string[];
  random?: RandomBytes;
}

/** How far a session has come; the owner sets its time limits by it. */
export type ServerSessionStage =
  | 'handshake'
  | 'command'
  | 'connected'
  | 'deciding'
  | 'publishing'
  | 'playing'
  | 'closed';

/** What a client asks for. */
type Role = 'publish' | 'play';

/** The server's side of one RTMP connection: bytes in by `push`, events and bytes out by the handler. */
export class ServerSession {
  readonly #handler: ServerSessionHandler;
  readonly #limits: RtmpLimits;
  readonly #fourCcList: readonly string[];
  readonly #handshake: ServerHandshake;
  readonly #link: RtmpLink;
  readonly #openStreams = new Set<number>();
  #connect: ConnectRequest | undefined;
  /** The stream this connection publishes or plays, or has asked to. */
  #active: { role: Role; streamId: number; isDecided: boolean } | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #isParsing = false;
  #isClosed = false;
  #discardedMessages = 0;

  readonly #commands: Record<string, (command: RtmpCommand) => void> = {
    connect: (command) => this.#onConnect(command),
    releaseStream: (command) => this.#result(command),
    FCPublish: (command) => this.#onFcPublish(command),
    FCUnpublish: (command) => this.#onFcUnpublish(command),
    FCSubscribe: (command) => this.#result(command),
    createStream: (command) => this.#onCreateStream(command),
    getStreamLength: (command) => this.#result(command, 0),
    publish: (command) => this.#onPublish(command),
    play: (command) => this.#onPlay(command),
    closeStream: (command) => this.#end(command.streamId, 'closeStream'),
    deleteStream: (command) => this.#onDeleteStream(command),
  };

  constructor(options: ServerSessionOptions) {
    this.#handler = options.handler;
    this.#limits = options.limits ?? rtmpLimits;
    this.#fourCcList = options.fourCcList ?? [];
    this.#handshake = new ServerHandshake(options.random ?? randomBytes);
    this.#link = new RtmpLink(this.#limits, (bytes) => this.#handler.onWrite(bytes));
    this.#link.onPong = (value) => this.#handler.onPong?.(value);
  }

  get stage(): ServerSessionStage {
    if (this.#isClosed) return 'closed';
    if (!this.#handshake.isDone) return 'handshake';
    if (this.#connect === undefined) return 'command';
    if (this.#active === undefined) return 'connected';
    if (!this.#active.isDecided) return 'deciding';
    return this.#active.role === 'publish' ? 'publishing' : 'playing';
  }

  /** Which request waits for its decision. */
  get pendingRole(): Role | undefined {
    return this.#isWaiting() ? this.#active?.role : undefined;
  }

  /** Memory held for this peer: unfinished messages and bytes behind an undecided request. */
  get heldBytes(): number {
    return this.#link.heldBytes + this.#heldBytes;
  }

  /** Media messages that came while nothing was being published. */
  get discardedMessages(): number {
    return this.#discardedMessages;
  }

  /** Size of the chunks a player gets, for `encodeMessage`. */
  get chunkBytes(): number {
    return this.#link.chunkBytes;
  }

  /**
   * Takes bytes as they come from the socket; they must not be changed afterwards. Does nothing once closed.
   * Errors: `NOT_RTMP`, `RTMP_*`, `AMF_*`; the session is closed then.
   */
  push(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#guarded(() => {
      this.#link.countReceived(bytes.length);
      const rest = this.#handshake.isDone ? bytes : this.#pushHandshake(bytes);
      if (rest.length === 0) return;
      if (this.#isWaiting()) this.#hold(rest);
      else this.#parse(rest);
    });
  }

  /** Says yes to `onPublish`; bytes that came meanwhile are parsed at once. Errors: as `push`. */
  acceptPublish(): void {
    const streamId = this.#decide('publish');
    this.#link.send(userControlMessage('streamBegin', streamId));
    this.#status(streamId, 'NetStream.Publish.Start', 'Publishing');
    this.#resume();
  }

  /** Says no to `onPublish`, or ends a publication that another publisher takes over; closes the session. */
  refusePublish(code = 'NetStream.Publish.BadName', description = 'Refused'): void {
    this.#refuse('publish', code, description);
  }

  /** Says yes to `onPlay`; the owner sends metadata, sequence headers and media next. */
  acceptPlay(): void {
    const streamId = this.#decide('play');
    for (const message of playStartMessages(streamId)) this.#link.send(message);
    this.#resume();
  }

  /** Says no to `onPlay`, or ends it with an error; closes the session. */
  refusePlay(code = 'NetStream.Play.StreamNotFound', description = 'Refused'): void {
    this.#refuse('play', code, description);
  }

  /** Sends a ping request with an unsigned 32-bit value, which comes back in `onPong`; many encoders never answer. */
  ping(value: number): void {
    if (!this.#isClosed) this.#link.send(userControlMessage('pingRequest', value));
  }

  /** Tells a player that the stream has ended. */
  endPlay(): void {
    if (this.#active?.role !== 'play') return;
    const { streamId } = this.#active;
    this.#link.send(userControlMessage('streamEof', streamId));
    this.#status(streamId, 'NetStream.Play.UnpublishNotify', 'The stream has ended');
  }

  /** Sends media to a player. To serve many players alike, encode once with `encodeMessage` instead. */
  sendMedia(media: MediaMessage): void {
    if (this.#active?.role === 'play') this.#link.send(toRtmpMessage(media, this.#active.streamId));
  }

  /** Forgets the peer: later bytes are ignored. */
  close(): void {
    this.#isClosed = true;
    this.#held = [];
    this.#heldBytes = 0;
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #isWaiting(): boolean {
    return this.#active?.isDecided === false;
  }

  #pushHandshake(bytes: Buffer): Buffer {
    const { reply, rest } = this.#handshake.push(bytes);
    if (reply !== undefined) this.#handler.onWrite(reply);
    return rest;
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#limits.heldBytesMax) throw new MediaError('RTMP_HELD_TOO_LARGE');
    this.#held.push(bytes);
  }

  /** Parses until the bytes are used up or a request waits for its decision; the link keeps the remainder. */
  #parse(bytes: Buffer): void {
    this.#link.append(bytes);
    this.#isParsing = true;
    try {
      while (!this.#isWaiting() && !this.#isClosed) {
        const message = this.#link.next();
        if (message === undefined) break;
        this.#dispatch(message);
      }
    } finally {
      this.#isParsing = false;
    }
    if (!this.#isClosed) this.#link.acknowledge();
  }

  #resume(): void {
    // Decided inside the handler: the loop that called it goes on by itself.
    if (this.#isParsing || this.#isClosed) return;
    const held = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    this.#guarded(() => this.#parse(held));
  }

  #dispatch(message: RtmpMessage): void {
    if (isCommand(message)) this.#onCommand(decodeCommand(message));
    else if (message.typeId === messageType.aggregate) {
      for (const part of splitAggregate(message)) this.#onMessage(part);
    } else this.#onMessage(message);
  }

  #onMessage(message: RtmpMessage): void {
    const { typeId, timestampMs, payload } = message;
    if (typeId === messageType.video) this.#onMedia({ kind: 'video', timestampMs, payload });
    else if (typeId === messageType.audio) this.#onMedia({ kind: 'audio', timestampMs, payload });
    else if (typeId === messageType.dataAmf0 || typeId === messageType.dataAmf3) {
      const data = stripDataFrame(payload, typeId === messageType.dataAmf3);
      this.#onMedia({ kind: 'data', timestampMs, payload: data });
    }
  }

  #onMedia(message: MediaMessage): void {
    // Encoders differ in the message stream id they put on media, so only the state counts.
    if (this.#active?.role === 'publish' && !this.#isClosed) this.#handler.onMedia(message);
    else this.#discardedMessages += 1;
  }

  #onCommand(command: RtmpCommand): void {
    const known = Object.hasOwn(this.#commands, command.name) ? this.#commands[command.name] : undefined;
    if (known !== undefined) known(command);
    else if (command.transactionId !== 0 && !ANSWER_NAMES.has(command.name)) {
      this.#error(command, 'NetConnection.Call.Failed', 'Unknown command');
    }
  }

  #onConnect(command: RtmpCommand): void {
    if (this.#connect !== undefined) {
      this.#error(command, 'NetConnection.Connect.Rejected', 'Already connected');
      return;
    }
    this.#connect = toConnectRequest(command.object);
    this.#link.send(windowAckSizeMessage(WINDOW_BYTES));
    this.#link.send(peerBandwidthMessage(WINDOW_BYTES));
    this.#link.setChunkBytes(OUT_CHUNK_BYTES);
    const { transactionId } = command;
    const info = {
      level: 'status',
      code: 'NetConnection.Connect.Success',
      description: 'Connection succeeded',
      objectEncoding: 0,
    };
    const object = { fmsVer: 'FMS/3,5,7,7009', capabilities: 31, ...this.#offerFourCcs(this.#connect) };
    this.#link.send(commandMessage(0, '_result', { transactionId, object, args: [info] }));
    this.#handler.onConnect?.(this.#connect);
  }

  #offerFourCcs(connect: ConnectRequest): { fourCcList?: string[] } {
    if (connect.fourCcList.length === 0) return {};
    const isWanted = (fourCc: string) =>
      connect.fourCcList.includes('*') || connect.fourCcList.includes(fourCc);
    return { fourCcList: this.#fourCcList.filter(isWanted) };
  }

  #onFcPublish(command: RtmpCommand): void {
    this.#result(command);
    const status = {
      level: 'status',
      code: 'NetStream.Publish.Start',
      description: asString(command.args[0]),
    };
    this.#link.send(commandMessage(0, 'onFCPublish', { args: [status] }));
  }

  #onFcUnpublish(command: RtmpCommand): void {
    this.#result(command);
    const status = { level: 'status', code: 'NetStream.Unpublish.Success', description: 'Stopped' };
    this.#link.send(commandMessage(0, 'onFCUnpublish', { args: [status] }));
    if (this.#active?.role === 'publish') this.#end(this.#active.streamId, 'FCUnpublish');
  }

  #onCreateStream(command: RtmpCommand): void {
    if (this.#openStreams.size >= this.#limits.streamsMax) {
      this.#error(command, 'NetConnection.Call.Failed', 'Too many streams');
      return;
    }
    // The lowest free number: a player that begins anew has message stream 1 again, as bytes shared by players say.
    let streamId = 1;
    while (this.#openStreams.has(streamId)) streamId += 1;
    this.#openStreams.add(streamId);
    this.#result(command, streamId);
  }

  #onDeleteStream(command: RtmpCommand): void {
    const [streamId] = command.args;
    if (typeof streamId !== 'number') return;
    this.#openStreams.delete(streamId);
    this.#end(streamId, 'deleteStream');
  }

  #onPublish(command: RtmpCommand): void {
    const connect = this.#requireConnect(command);
    if (this.#active !== undefined) {
      const description = 'This connection already has a stream';
      this.#link.send(
        statusMessage(command.streamId, { level: 'error', code: 'NetStream.Publish.BadName', description }),
      );
      return;
    }
    this.#active = { role: 'publish', streamId: command.streamId, isDecided: false };
    this.#handler.onPublish(toPublishRequest(command, connect));
  }

  #onPlay(command: RtmpCommand): void {
    const connect = this.#requireConnect(command);
    if (this.#active !== undefined) {
      const description = 'This connection already has a stream';
      this.#link.send(
        statusMessage(command.streamId, { level: 'error', code: 'NetStream.Play.Failed', description }),
      );
      return;
    }
    this.#active = { role: 'play', streamId: command.streamId, isDecided: false };
    this.#handler.onPlay(toPlayRequest(command, connect));
  }

  #requireConnect(command: RtmpCommand): ConnectRequest {
    if (this.#connect === undefined)
      throw new MediaError('RTMP_COMMAND_ORDER', `${command.name} before connect`);
    return this.#connect;
  }

  #end(streamId: number, reason: PublishEndReason): void {
    if (this.#active?.streamId !== streamId) return;
    const { role } = this.#active;
    this.#active = undefined;
    if (role === 'play') this.#handler.onPlayEnd?.();
    else this.#handler.onPublishEnd(reason);
  }

  #decide(role: Role): number {
    const active = this.#active;
    if (active?.role !== role || active.isDecided) throw new TypeError(`no ${role} request is waiting`);
    active.isDecided = true;
    return active.streamId;
  }

  #refuse(role: Role, code: string, description: string): void {
    if (this.#isClosed || this.#active?.role !== role) return;
    this.#link.send(statusMessage(this.#active.streamId, { level: 'error', code, description }));
    this.close();
  }

  #status(streamId: number, code: string, description: string): void {
    this.#link.send(statusMessage(streamId, { level: 'status', code, description }));
  }

  #result(command: RtmpCommand, value?: number): void {
    const { transactionId } = command;
    if (transactionId === 0) return;
    this.#link.send(commandMessage(0, '_result', { transactionId, args: [value] }));
  }

  #error(command: RtmpCommand, code: string, description: string): void {
    const { transactionId } = command;
    const info = { level: 'error', code, description };
    this.#link.send(commandMessage(0, '_error', { transactionId, args: [info] }));
  }
}

/** Starts the server's side of one connection. */
export function createServerSession(options: ServerSessionOptions): ServerSession {
  return new ServerSession(options);
}

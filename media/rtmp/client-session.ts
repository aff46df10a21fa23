import { randomBytes } from 'node:crypto';
import type { AmfObject } from '../amf/index.ts';
import { MediaError } from '../error/index.ts';
import { splitAggregate } from './aggregate.ts';
import { OUT_CHUNK_BYTES } from './chunk-writer.ts';
import { asObject, asString, commandMessage, decodeCommand, isCommand } from './command.ts';
import type { RtmpCommand, RtmpStatus } from './command.ts';
import { userControlMessage, windowAckSizeMessage } from './control.ts';
import { stripDataFrame, wrapDataFrame } from './data-frame.ts';
import { HANDSHAKE_BYTES, type DigestScheme } from './digest.ts';
import { answerServerHello, createClientHello, type RandomBytes } from './handshake.ts';
import { rtmpLimits, type RtmpLimits } from './limits.ts';
import { RtmpLink } from './link.ts';
import { messageType, toRtmpMessage, type MediaMessage, type RtmpMessage } from './message.ts';

const WINDOW_BYTES = 5_000_000;
const PLAY_BUFFER_MS = 0x7d0;
const PLAY_LIVE = -1;
const transaction = { connect: 1, releaseStream: 2, fcPublish: 3, createStream: 4, publish: 5 } as const;
const EMPTY = Buffer.alloc(0);

/** What a client session tells its owner, always inside `start`, `push`, `sendMedia` or `close`. */
export interface ClientSessionHandler {
  /** Bytes for the peer, in order. */
  onWrite(bytes: Buffer): void;
  /** Publishing or playing may begin. */
  onReady(): void;
  /** The server refuses `connect`, `publish` or `play`; the session is closed. */
  onRefused(status: RtmpStatus): void;
  /** Every `onStatus` the server sends. */
  onStatus?(status: RtmpStatus): void;
  /** Media of a session that plays. */
  onMedia?(message: MediaMessage): void;
}

export interface ClientSessionOptions {
  role: 'publish' | 'play';
  app: string;
  tcUrl: string;
  /** Stream name with its query, if it has one. */
  streamName: string;
  handler: ClientSessionHandler;
  flashVer?: string;
  /** Use the complex handshake with the digest in this place; simple if absent. */
  digestScheme?: DigestScheme;
  /** Properties to add to the `connect` object. */
  connectProperties?: AmfObject;
  limits?: RtmpLimits;
  random?: RandomBytes;
}

export type ClientSessionStage = 'handshake' | 'connecting' | 'ready' | 'closed';

/** The client's side of one RTMP connection: bytes in by `push`, events and bytes out by the handler. */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #handler: ClientSessionHandler;
  readonly #random: RandomBytes;
  readonly #link: RtmpLink;
  #hello: Buffer = EMPTY;
  #input: Buffer = EMPTY;
  #stage: ClientSessionStage = 'handshake';
  #streamId = 0;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#handler = options.handler;
    this.#random = options.random ?? randomBytes;
    this.#link = new RtmpLink(options.limits ?? rtmpLimits, (bytes) => this.#handler.onWrite(bytes));
  }

  get stage(): ClientSessionStage {
    return this.#stage;
  }

  /** Memory held by unfinished messages. */
  get heldBytes(): number {
    return this.#link.heldBytes;
  }

  /** Sends the first bytes; call once, when the connection is open. */
  start(): void {
    this.#hello = createClientHello(this.#random, this.#options.digestScheme);
    this.#handler.onWrite(this.#hello);
  }

  /** Takes bytes as they come from the socket. Errors: `NOT_RTMP`, `RTMP_*`, `AMF_*`; the session is closed then. */
  push(bytes: Buffer): void {
    if (this.#stage === 'closed') return;
    try {
      this.#link.countReceived(bytes.length);
      const rest = this.#stage === 'handshake' ? this.#pushHandshake(bytes) : bytes;
      if (rest.length > 0) this.#parse(rest);
    } catch (error) {
      this.#stage = 'closed';
      throw error;
    }
  }

  /** Sends media; data messages are wrapped in `@setDataFrame`. Ignored unless publishing. */
  sendMedia(media: MediaMessage): void {
    if (this.#stage !== 'ready' || this.#options.role !== 'publish') return;
    const payload = media.kind === 'data' ? wrapDataFrame(media.payload) : media.payload;
    this.#link.send(toRtmpMessage({ ...media, payload }, this.#streamId));
  }

  /** Ends the stream in good order; later bytes are ignored. */
  close(): void {
    if (this.#stage === 'ready') {
      const args = [this.#options.streamName];
      if (this.#options.role === 'publish') this.#link.send(commandMessage(0, 'FCUnpublish', { args }));
      this.#link.send(commandMessage(0, 'deleteStream', { args: [this.#streamId] }));
    }
    this.#stage = 'closed';
  }

  #pushHandshake(bytes: Buffer): Buffer {
    this.#input = Buffer.concat([this.#input, bytes]);
    const step = answerServerHello(this.#input, this.#hello, this.#random);
    if (step === undefined) return EMPTY;
    const rest = this.#input.subarray(step.usedBytes);
    this.#input = EMPTY;
    this.#stage = 'connecting';
    this.#handler.onWrite(step.reply.subarray(0, HANDSHAKE_BYTES));
    this.#sendConnect();
    return rest;
  }

  #sendConnect(): void {
    const { app, tcUrl, role, flashVer = 'FMLE/3.0 (compatible; Gala)', connectProperties } = this.#options;
    const publishProperties = role === 'publish' ? { type: 'nonprivate' } : { fpad: false };
    const object = { app, ...publishProperties, flashVer, tcUrl, ...connectProperties };
    this.#link.send(commandMessage(0, 'connect', { transactionId: transaction.connect, object }));
  }

  #parse(bytes: Buffer): void {
    this.#link.append(bytes);
    for (let message = this.#link.next(); message !== undefined; message = this.#link.next()) {
      this.#dispatch(message);
      if (this.#isClosed()) return;
    }
    this.#link.acknowledge();
  }

  /** A method, because a handler may have closed the session since the stage was last looked at. */
  #isClosed(): boolean {
    return this.#stage === 'closed';
  }

  #dispatch(message: RtmpMessage): void {
    if (isCommand(message)) this.#onCommand(decodeCommand(message));
    else if (message.typeId === messageType.aggregate) {
      for (const part of splitAggregate(message)) this.#onMessage(part);
    } else this.#onMessage(message);
  }

  #onMessage(message: RtmpMessage): void {
    const { typeId, timestampMs, payload } = message;
    const onMedia = (media: MediaMessage) => this.#handler.onMedia?.(media);
    if (typeId === messageType.video) onMedia({ kind: 'video', timestampMs, payload });
    else if (typeId === messageType.audio) onMedia({ kind: 'audio', timestampMs, payload });
    else if (typeId === messageType.dataAmf0) {
      onMedia({ kind: 'data', timestampMs, payload: stripDataFrame(payload) });
    }
  }

  #onCommand(command: RtmpCommand): void {
    if (command.name === '_result') this.#onResult(command);
    else if (command.name === '_error') this.#onError(command);
    else if (command.name === 'onStatus') this.#onStatus(toStatus(asObject(command.args[0])));
  }

  #onResult(command: RtmpCommand): void {
    if (command.transactionId === transaction.connect) this.#requestStream();
    else if (command.transactionId === transaction.createStream) this.#openStream(command);
  }

  #requestStream(): void {
    const { streamName, role } = this.#options;
    const ask = (name: string, transactionId: number, args: string[] = []) =>
      this.#link.send(commandMessage(0, name, { transactionId, args }));
    this.#link.send(windowAckSizeMessage(WINDOW_BYTES));
    this.#link.setChunkBytes(OUT_CHUNK_BYTES);
    if (role === 'publish') {
      ask('releaseStream', transaction.releaseStream, [streamName]);
      ask('FCPublish', transaction.fcPublish, [streamName]);
    }
    ask('createStream', transaction.createStream);
  }

  #openStream(command: RtmpCommand): void {
    const [streamId] = command.args;
    if (!isStreamId(streamId)) throw new MediaError('RTMP_COMMAND_INVALID', 'createStream result');
    this.#streamId = streamId;
    const { streamName, role } = this.#options;
    const transactionId = transaction.publish;
    const args = role === 'publish' ? [streamName, 'live'] : [streamName, PLAY_LIVE * 1000];
    this.#link.send(commandMessage(streamId, role, { transactionId, args }));
    if (role === 'play') this.#link.send(setBufferLength(streamId));
  }

  /** Servers answer `_error` to optional commands such as `releaseStream`; only the needed ones matter. */
  #onError(command: RtmpCommand): void {
    const needed: number[] = [transaction.connect, transaction.createStream, transaction.publish];
    if (needed.includes(command.transactionId)) this.#refused(toStatus(asObject(command.args[0])));
  }

  #onStatus(status: RtmpStatus): void {
    this.#handler.onStatus?.(status);
    const isStart = status.code === 'NetStream.Publish.Start' || status.code === 'NetStream.Play.Start';
    if (isStart && this.#stage === 'connecting') {
      this.#stage = 'ready';
      this.#handler.onReady();
    } else if (status.level === 'error') this.#refused(status);
  }

  #refused(status: RtmpStatus): void {
    this.#stage = 'closed';
    this.#handler.onRefused(status);
  }
}

/** AMF numbers are doubles; a message stream id has 32 bits. */
function isStreamId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
}

function toStatus(info: AmfObject): RtmpStatus {
  return {
    level: info['level'] === 'error' ? 'error' : 'status',
    code: asString(info['code']),
    description: asString(info['description']),
  };
}

function setBufferLength(streamId: number): RtmpMessage {
  const message = userControlMessage('setBufferLength', streamId);
  const lengthMs = Buffer.alloc(4);
  lengthMs.writeUInt32BE(PLAY_BUFFER_MS);
  return { ...message, payload: Buffer.concat([message.payload, lengthMs]) };
}

/** Makes the client's side of one connection; call `start` when the socket is open. */
export function createClientSession(options: ClientSessionOptions): ClientSession {
  return new ClientSession(options);
}

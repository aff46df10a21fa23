import { MediaError } from '../error/index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { ChunkWriter } from './chunk-writer.ts';
import {
  acknowledgementMessage,
  setChunkSizeMessage,
  userControlMessage,
  windowAckSizeMessage,
} from './control.ts';
import type { RtmpLimits } from './limits.ts';
import { messageType, userControlEvent, type RtmpMessage } from './message.ts';

/** After how many received bytes a peer is acknowledged that has not asked for a window. */
const ACK_WINDOW_BYTES = 2_500_000;
const PING_BYTES = 6;

/**
 * What both sides of a connection do alike once the handshake is over: chunks in, chunks out, acknowledgements
 * and pings.
 */
export class RtmpLink {
  readonly #reader: ChunkReader;
  readonly #writer = new ChunkWriter();
  readonly #write: (bytes: Buffer) => void;
  /** Called with the value of a ping that the peer answers. */
  onPong: ((value: number) => void) | undefined;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #ackWindowBytes = ACK_WINDOW_BYTES;

  constructor(limits: RtmpLimits, write: (bytes: Buffer) => void) {
    this.#reader = new ChunkReader(limits);
    this.#write = write;
  }

  /** Memory held by unfinished messages and by bytes that have not been parsed. */
  get heldBytes(): number {
    return this.#reader.partialBytes + this.#reader.unreadBytes;
  }

  /** Size of the chunks this side sends. */
  get chunkBytes(): number {
    return this.#writer.chunkBytes;
  }

  /** Counts bytes of the connection (the handshake too) and acknowledges them when the window is full. */
  countReceived(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  append(bytes: Buffer): void {
    this.#reader.append(bytes);
  }

  /** The next message the link does not answer itself. Errors: `RTMP_*`. */
  next(): RtmpMessage | undefined {
    for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
      if (!this.#answer(message)) return message;
    }
    return undefined;
  }

  send(message: RtmpMessage): void {
    this.#write(this.#writer.encode(message));
  }

  /** Announces and uses a larger chunk size. */
  setChunkBytes(bytes: number): void {
    this.send(setChunkSizeMessage(bytes));
    this.#writer.chunkBytes = bytes;
  }

  /** Acknowledges if the window is full; call once for each batch of bytes, after `countReceived`. */
  acknowledge(): void {
    if (this.#receivedBytes - this.#acknowledgedBytes < this.#ackWindowBytes) return;
    this.#acknowledgedBytes = this.#receivedBytes;
    this.send(acknowledgementMessage(this.#receivedBytes));
  }

  /** True if the message concerned only the link. */
  #answer(message: RtmpMessage): boolean {
    const { typeId, payload } = message;
    if (typeId === messageType.userControl) this.#answerUserControl(payload);
    else if (typeId === messageType.windowAckSize) this.#ackWindowBytes = readUint32(payload);
    else if (typeId === messageType.setPeerBandwidth) this.send(windowAckSizeMessage(readUint32(payload)));
    else return typeId === messageType.acknowledgement;
    return true;
  }

  #answerUserControl(payload: Buffer): void {
    if (payload.length < 2) throw new MediaError('RTMP_MESSAGE_INVALID', 'User Control');
    if (payload.length < PING_BYTES) return;
    const event = payload.readUInt16BE(0);
    const value = payload.readUInt32BE(2);
    if (event === userControlEvent.pingRequest) this.send(userControlMessage('pingResponse', value));
    else if (event === userControlEvent.pingResponse) this.onPong?.(value);
  }
}

function readUint32(payload: Buffer): number {
  if (payload.length < 4) throw new MediaError('RTMP_MESSAGE_INVALID');
  return payload.readUInt32BE(0);
}

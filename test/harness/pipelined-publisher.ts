import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { decodeAmf0, encodeAmf0, type AmfValue } from '@gala/media/amf';
import { encodeMetadata, type FlvTag } from '@gala/media/flv';
import { ChunkReader, ChunkWriter, messageType, toRtmpMessage, wrapDataFrame } from '@gala/media/rtmp';
import { FixtureMedia } from './fixture-media.ts';

const handshakeBytes = 1536;
const chunkBytes = 4096;
/** What the server will answer to the only createStream of a connection. */
const streamId = 1;

export interface PipelinedPublisherOptions {
  readonly port: number;
  readonly app: string;
  readonly streamKey: string;
}

/** An answer of the server: `_result`, `onStatus` and their like. */
type Answer = readonly AmfValue[];

/**
 * Publishes as encoders do that save round trips: handshake, connect, releaseStream, FCPublish, createStream, publish,
 * metadata and sequence headers go out in one write, before anything was answered.
 */
export class PipelinedPublisher implements AsyncDisposable {
  readonly answers: Answer[] = [];
  isClosed = false;
  readonly #socket: Socket;
  readonly #writer = new ChunkWriter();
  readonly #reader = new ChunkReader();
  #unskippedBytes = 1 + 2 * handshakeBytes;
  #media: FixtureMedia | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#hear(bytes));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#end());
  }

  static async start({ port, app, streamKey }: PipelinedPublisherOptions): Promise<PipelinedPublisher> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const publisher = new PipelinedPublisher(socket);
    socket.cork();
    socket.write(Buffer.concat([Buffer.of(3), Buffer.alloc(8), randomBytes(2 * handshakeBytes - 8)]));
    publisher.#sayAll({ port, app, streamKey });
    publisher.#media = new FixtureMedia((tag) => publisher.#sendTag(tag));
    socket.uncork();
    return publisher;
  }

  /** Codes of `onStatus`, in order. */
  get statuses(): AmfValue[] {
    const infos = this.answers.filter(([name]) => name === 'onStatus').map(([, , , info]) => info);
    return infos.map((info) => (info as { code?: AmfValue }).code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    this.#socket.destroy();
  }

  #sayAll({ port, app, streamKey }: PipelinedPublisherOptions): void {
    const tcUrl = `rtmp://127.0.0.1:${port}/${app}`;
    this.#command(0, 'connect', 1, { app, type: 'nonprivate', flashVer: 'FMLE/3.0 (pipelined)', tcUrl });
    const size = Buffer.alloc(4);
    size.writeUInt32BE(chunkBytes);
    this.#send({ chunkStreamId: 2, typeId: messageType.setChunkSize, streamId: 0, payload: size });
    this.#writer.chunkBytes = chunkBytes;
    this.#command(0, 'releaseStream', 2, null, streamKey);
    this.#command(0, 'FCPublish', 3, null, streamKey);
    this.#command(0, 'createStream', 4, null);
    this.#command(streamId, 'publish', 5, null, streamKey, 'live');
    const payload = wrapDataFrame(encodeMetadata({ width: 160, height: 120, framerate: 25 }));
    this.#send({ chunkStreamId: 4, typeId: messageType.dataAmf0, streamId, payload });
  }

  #command(onStreamId: number, ...values: AmfValue[]): void {
    const payload = encodeAmf0(...values);
    this.#send({ chunkStreamId: 3, typeId: messageType.commandAmf0, streamId: onStreamId, payload });
  }

  #send(message: { chunkStreamId: number; typeId: number; streamId: number; payload: Buffer }): void {
    this.#socket.write(this.#writer.encode({ ...message, timestampMs: 0 }));
  }

  #sendTag({ type, timestampMs, payload }: FlvTag): void {
    const media = { kind: type === 'video' ? 'video' : 'audio', timestampMs, payload } as const;
    if (this.#socket.writable) this.#socket.write(this.#writer.encode(toRtmpMessage(media, streamId)));
  }

  #hear(bytes: Buffer): void {
    const skipped = Math.min(bytes.length, this.#unskippedBytes);
    this.#unskippedBytes -= skipped;
    this.#reader.append(bytes.subarray(skipped));
    for (let message = this.#reader.next(); message; message = this.#reader.next()) {
      if (message.typeId === messageType.commandAmf0) this.answers.push(decodeAmf0(message.payload));
    }
  }

  #end(): void {
    this.isClosed = true;
    this.#media?.[Symbol.dispose]();
  }
}

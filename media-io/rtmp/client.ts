import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CodedError } from '@gala/lib/error';
import { MediaError } from '@gala/media/error';
import { createClientSession, parseRtmpUrl } from '@gala/media/rtmp';
import type {
  ClientSession,
  DigestScheme,
  MediaKind,
  MediaMessage,
  RtmpStatus,
  RtmpUrl,
} from '@gala/media/rtmp';
import { rtmpErrors } from './errors.ts';

const TIMEOUT_MS = 10_000;
const LINGER_MS = 1000;
const KEEP_ALIVE_MS = 30_000;
const WRITABLE_BYTES_MAX = 8 * 1024 * 1024;

export interface RtmpClientOptions {
  /** Stream name with its query; the last part of the address if absent. */
  streamKey?: string;
  /** For the connection, and again until publishing or playing may begin. */
  timeoutMs?: number;
  /** Bytes that may wait in the socket; more media is not taken. */
  writableBytesMax?: number;
  /** Certificates (PEM) that an RTMPS server is trusted by, instead of those of the system. */
  ca?: string | Buffer;
  /** Use the complex handshake. */
  digestScheme?: DigestScheme;
  /** Resolves the host, if not as ever. */
  lookup?: LookupFunction;
  /** Ends the making of the connection. */
  signal?: AbortSignal;
  onStatus?(status: RtmpStatus): void;
  /** All messages of one socket read have been told. */
  onBatchEnd?(): void;
  /** The socket has room again after `send…` returned false or `isCongested` was true. */
  onDrain?(): void;
  /** The connection is over; `undefined` if this side closed it. */
  onClose?(error: CodedError | undefined): void;
}

interface Attempt {
  resolve(): void;
  reject(error: CodedError): void;
  deadline: NodeJS.Timeout;
}

function fail(code: keyof typeof rtmpErrors, detail?: string, cause?: unknown): CodedError {
  const options = detail === undefined ? { cause } : { cause, detail };
  return new CodedError(rtmpErrors, code, options);
}

/** One RTMP connection as a client: `publish` and send, or `play`. Made by `connectRtmp`. */
export class RtmpClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #url: RtmpUrl;
  readonly #options: RtmpClientOptions;
  readonly #closed = Promise.withResolvers<void>();
  #session: ClientSession | undefined;
  #attempt: Attempt | undefined;
  #onMedia: ((message: MediaMessage) => void) | undefined;
  #isClosed = false;
  #droppedMessages = 0;

  constructor(socket: Socket, url: RtmpUrl, options: RtmpClientOptions) {
    this.#socket = socket;
    this.#url = url;
    this.#options = options;
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('drain', () => options.onDrain?.());
    socket.on('error', (error) => this.#close(fail('RTMP_CLOSED', undefined, error)));
    socket.on('close', () => {
      this.#close(fail('RTMP_CLOSED'));
      this.#closed.resolve();
    });
  }

  /** Media that was not sent because `writableBytesMax` was reached. */
  get droppedMessages(): number {
    return this.#droppedMessages;
  }

  /** True while the peer reads more slowly than media is sent. */
  get isCongested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  /** Asks to publish. Errors: `RTMP_REFUSED` (the server's code as detail), `RTMP_TIMEOUT`, `RTMP_CLOSED`, `RTMP_PROTOCOL`. */
  publish(): Promise<void> {
    return this.#start('publish');
  }

  /** Asks to play; media comes to `onMedia`. Errors: as `publish`. */
  play(onMedia: (message: MediaMessage) => void): Promise<void> {
    this.#onMedia = onMedia;
    return this.#start('play');
  }

  /** Sends the body of an FLV video tag. False if it was not taken; then go on with a key frame. */
  sendVideo(timestampMs: number, payload: Buffer): boolean {
    return this.#send('video', timestampMs, payload);
  }

  /** Sends the body of an FLV audio tag. False if it was not taken. */
  sendAudio(timestampMs: number, payload: Buffer): boolean {
    return this.#send('audio', timestampMs, payload);
  }

  /** Sends the body of an FLV data tag, such as `encodeMetadata` makes. False if it was not taken. */
  sendMetadata(timestampMs: number, payload: Buffer): boolean {
    return this.#send('data', timestampMs, payload);
  }

  /** Says goodbye, sends what is waiting and closes; at the latest after a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) {
      this.#session?.close();
      const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
      this.#socket.once('close', () => clearTimeout(linger));
      this.#socket.end();
      this.#close(undefined);
    }
    await this.#closed.promise;
  }

  #start(role: 'publish' | 'play'): Promise<void> {
    if (this.#session !== undefined) throw new TypeError('a connection publishes or plays once');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#isClosed) return Promise.reject(fail('RTMP_CLOSED'));
    const { timeoutMs = TIMEOUT_MS, streamKey = this.#url.streamName, digestScheme } = this.#options;
    const deadline = setTimeout(() => this.#abort(fail('RTMP_TIMEOUT')), timeoutMs);
    this.#attempt = { resolve, reject, deadline };
    this.#session = createClientSession({
      role,
      app: this.#url.app,
      tcUrl: this.#url.tcUrl,
      streamName: streamKey,
      ...(digestScheme === undefined ? {} : { digestScheme }),
      handler: {
        onWrite: (bytes) => this.#socket.write(bytes),
        onReady: () => this.#settle()?.resolve(),
        onRefused: (status) => this.#abort(fail('RTMP_REFUSED', status.code)),
        onStatus: (status) => this.#options.onStatus?.(status),
        onMedia: (message) => this.#onMedia?.(message),
      },
    });
    this.#session.start();
    return promise;
  }

  #send(kind: MediaKind, timestampMs: number, payload: Buffer): boolean {
    if (this.#isClosed || this.#session?.stage !== 'ready') return false;
    const { writableBytesMax = WRITABLE_BYTES_MAX } = this.#options;
    if (this.#socket.writableLength + payload.length > writableBytesMax) {
      this.#droppedMessages += 1;
      return false;
    }
    this.#session.sendMedia({ kind, timestampMs, payload });
    return true;
  }

  #onData(bytes: Buffer): void {
    this.#socket.cork();
    try {
      this.#session?.push(bytes);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#abort(fail('RTMP_PROTOCOL', error.code, error));
    } finally {
      this.#socket.uncork();
    }
    this.#options.onBatchEnd?.();
  }

  #abort(error: CodedError): void {
    this.#close(error);
    this.#socket.destroy();
  }

  #settle(): Attempt | undefined {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    clearTimeout(attempt?.deadline);
    return attempt;
  }

  #close(error: CodedError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#settle()?.reject(error ?? fail('RTMP_CLOSED'));
    this.#options.onClose?.(error);
  }
}

/**
 * Connects to `rtmp[s]://host[:port]/app[/stream]`. Errors: `RTMP_URL_INVALID` (MediaError), `RTMP_UNREACHABLE`,
 * `RTMP_TIMEOUT` (CodedError).
 */
export async function connectRtmp(url: string, options: RtmpClientOptions = {}): Promise<RtmpClient> {
  const parts = parseRtmpUrl(url);
  const { host, port } = parts;
  const { lookup, signal } = options;
  const servername = isIP(host) === 0 ? host : '';
  const target = { host, port, lookup };
  const socket = parts.isSecure ? connectTls({ ...target, servername, ca: options.ca }) : connectTcp(target);
  const abort = (): void => void socket.destroy(fail('RTMP_CLOSED'));
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once(parts.isSecure ? 'secureConnect' : 'connect', () => resolve());
  socket.once('error', reject);
  const deadline = setTimeout(() => reject(fail('RTMP_TIMEOUT')), options.timeoutMs ?? TIMEOUT_MS);
  try {
    await promise;
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error instanceof CodedError ? error : fail('RTMP_UNREACHABLE', `${host}:${port}`, error);
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener('abort', abort);
  }
  socket.off('error', reject);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return new RtmpClient(socket, parts, options);
}

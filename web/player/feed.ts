import { FlvSpan } from './flv-span.ts';
import type { FlvProtocol } from './support.ts';

/** What ends a feed; `code` is the error code of the edge where the protocol lets us see it. */
export class FeedError extends Error {
  override readonly name = 'FeedError';
  readonly code: string | undefined;
  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

export interface FeedSink {
  onData(chunk: ArrayBuffer): void;
  onEnd(): void;
}

export interface FeedOptions {
  readonly protocol: FlvProtocol;
  readonly url: string;
  /** Media to gather before the first byte is handed on. */
  readonly startSeconds: number;
}

/** A feed that nobody reads is given up here: the player could not be loaded. */
const heldBytesMax = 16 * 1024 * 1024;
/** Longest wait for the gathering; a held or sparse room starts with what is there. */
const gatherMsMax = 900;
const openMsMax = 6_000;

/**
 * One connection to the edge. It may be opened before the player is loaded: it gathers the first media, so that
 * playback starts with a cushion instead of stalling after its first frame, and hands it on in one piece.
 */
export class StreamFeed {
  readonly protocol: FlvProtocol;
  /** Resolves with the first bytes; rejects with a FeedError. */
  readonly opened: Promise<void>;
  /** `performance.now()` of the last bytes. */
  lastDataMs = performance.now();
  readonly #startMs: number;
  readonly #span = new FlvSpan();
  readonly #source: ByteSource;
  #held: Uint8Array<ArrayBuffer>[] = [];
  #heldBytes = 0;
  #gathering = true;
  #sink: FeedSink | undefined;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #settle: { resolve: () => void; reject: (error: FeedError) => void } | undefined;

  constructor(options: FeedOptions) {
    this.protocol = options.protocol;
    this.#startMs = options.startSeconds * 1000;
    this.opened = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#timer = setTimeout(() => this.#end(new FeedError('no answer in time')), openMsMax);
    const events: ByteEvents = {
      onBytes: (bytes) => this.#take(bytes),
      onEnd: (error) => this.#end(error),
    };
    this.#source =
      options.protocol === 'ws-flv' ? openSocket(options.url, events) : openFetch(options.url, events);
  }

  /**
   * Where the media that was gathered begins in the stream's timeline, in ms: what the player takes for its second 0.
   * Undefined while nothing was handed on.
   */
  get firstMs(): number | undefined {
    return this.#gathering ? undefined : this.#span.firstMs;
  }

  /** Hands over what was gathered and everything after it. */
  read(sink: FeedSink): void {
    this.#sink = sink;
    this.#flush();
    if (this.#ended) sink.onEnd();
  }

  close(): void {
    this.#sink = undefined;
    this.#end(new FeedError('closed'));
  }

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#ended || bytes.length === 0) return;
    this.lastDataMs = performance.now();
    if (this.#settle) this.#begin();
    if (this.#gathering) this.#span.push(bytes);
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#span.spanMs >= this.#startMs) this.#gathering = false;
    this.#flush();
    if (this.#heldBytes > heldBytesMax) this.#end(new FeedError('nobody reads the stream'));
  }

  #begin(): void {
    this.#settle?.resolve();
    this.#settle = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#gathering = false;
      this.#flush();
    }, gatherMsMax);
  }

  #flush(): void {
    if (this.#gathering || !this.#sink || this.#held.length === 0) return;
    const chunk =
      this.#held.length === 1 && this.#held[0] ? this.#held[0] : join(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    const whole = chunk.byteOffset === 0 && chunk.byteLength === chunk.buffer.byteLength;
    this.#sink.onData(whole ? chunk.buffer : chunk.slice().buffer);
  }

  #end(error: FeedError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#source.close();
    this.#held = [];
    this.#settle?.reject(error);
    this.#settle = undefined;
    this.#sink?.onEnd();
  }
}

interface ByteSource {
  close(): void;
}

interface ByteEvents {
  onBytes(bytes: Uint8Array<ArrayBuffer>): void;
  onEnd(error: FeedError): void;
}

function openSocket(url: string, events: ByteEvents): ByteSource {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }) => {
    if (data instanceof ArrayBuffer) events.onBytes(new Uint8Array(data));
  });
  // A refused handshake shows no status to a page (WHATWG WebSockets): its close code is 1006, as for a loss.
  socket.addEventListener('close', ({ code }) => events.onEnd(new FeedError(`socket closed with ${code}`)));
  return { close: () => socket.close() };
}

function openFetch(url: string, events: ByteEvents): ByteSource {
  const controller = new AbortController();
  readBody(url, controller.signal, events).then(
    () => events.onEnd(new FeedError('the stream ended')),
    (error: unknown) => events.onEnd(error instanceof FeedError ? error : new FeedError('connection lost')),
  );
  return { close: () => controller.abort() };
}

async function readBody(url: string, signal: AbortSignal, events: ByteEvents): Promise<void> {
  const response = await fetch(url, { signal, cache: 'no-store' });
  if (!response.ok || !response.body) throw await readRefusal(response);
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    events.onBytes(value);
  }
}

async function readRefusal(response: Response): Promise<FeedError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string } };
    return new FeedError(`the edge answered ${response.status}`, error?.code);
  } catch {
    return new FeedError(`the edge answered ${response.status}`);
  }
}

function join(chunks: readonly Uint8Array[], byteLength: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(byteLength);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

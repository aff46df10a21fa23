import { codeOf } from '@gala/lib/error';
import { Backoff } from '@gala/lib/lifecycle';
import type { Outbound } from '@gala/lib/outbound';
import type { Admission } from '../admission.ts';
import type { Ingest } from '../ingest.ts';
import type { Publisher, Stream, StreamMessage } from '../stream.ts';
import type { PullEvents } from './events.ts';
import { connectSource } from './source.ts';

export interface PullOptions {
  readonly hostId: number;
  readonly url: string;
  readonly idleMs: number;
  readonly silentMs: number;
  readonly outbound: Outbound;
  readonly admission: Admission;
  readonly ingest: Ingest;
  readonly events: PullEvents;
  /** True while somebody plays the stream. */
  readonly isWatched: (stream: Stream) => boolean;
}

/** What may come before the room service has answered; more is left out, and the stream begins with a key frame. */
const earlyBytesMax = 4 * 1024 * 1024;
const retryMs = { initialMs: 500, maxMs: 5_000 };
const idleCheckMs = 500;

/**
 * A host's source while somebody watches: the edge plays it and is its own publisher. A source that is lost is
 * connected again for as long as the stream is held; one that nobody watches is let go.
 */
export class Pull implements Publisher {
  readonly remoteAddress: string;
  /** The stream, once it is on air for the first time; rejects when that comes to nothing. */
  readonly onAir: Promise<Stream>;
  /** Resolves when all is over. */
  readonly done: Promise<void>;
  readonly #options: PullOptions;
  readonly #ending = new AbortController();
  readonly #begun = Promise.withResolvers<Stream>();
  #endReason = 'stream_ended';
  #stream: Stream | undefined;
  /** Media of a source that is not on air yet. */
  #early: StreamMessage[] = [];
  #earlyBytes = 0;

  constructor(options: PullOptions) {
    this.#options = options;
    this.remoteAddress = URL.parse(options.url)?.host ?? '';
    this.onAir = this.#begun.promise;
    this.onAir.catch(() => undefined);
    this.done = this.#run();
  }

  /** A publisher has taken over, or the stream has ended. */
  close(_status: string, description: string): void {
    this.end(description);
  }

  end(reason: string): void {
    if (this.#ending.signal.aborted) return;
    this.#endReason = reason;
    this.#ending.abort();
  }

  async #run(): Promise<void> {
    const { hostId, events } = this.#options;
    const { signal } = this.#ending;
    const backoff = new Backoff(retryMs);
    using _idle = this.#watchIdle();
    while (!signal.aborted) {
      try {
        await this.#session(signal, backoff);
      } catch (error) {
        if (!signal.aborted) events.failed(hostId, this.remoteAddress, codeOf(error));
        if (!this.#stream) this.#begun.reject(error);
      }
      if (!this.#stream) break;
      await backoff.wait(signal).catch(() => undefined);
    }
    this.#stream?.detach(this, 'source_lost');
    this.#begun.reject(new Error(this.#endReason));
    events.ended(hostId, this.#endReason);
  }

  /** One connection to the source, from its making to its end. */
  async #session(signal: AbortSignal, backoff: Backoff): Promise<void> {
    const { hostId, url, outbound, silentMs, admission, ingest, events } = this.#options;
    let stream: Stream | undefined;
    const onMedia = (message: StreamMessage): void => {
      if (stream) stream.append(this, message);
      else this.#keepEarly(message);
    };
    const onBatchEnd = (): void => stream?.endOfRead();
    await using source = await connectSource({ url, outbound, silentMs, signal, onMedia, onBatchEnd });
    stream = ingest.putOnAir({ publisher: this, signal }, await admission.pull(hostId));
    if (!this.#stream) events.began(hostId, this.remoteAddress, stream.roomId);
    this.#stream = stream;
    for (const message of this.#takeEarly()) stream.append(this, message);
    stream.endOfRead();
    this.#begun.resolve(stream);
    backoff.reset();
    const loss = await Promise.race([source.closed, aborted(signal)]);
    if (!loss) return;
    events.lost(hostId, this.remoteAddress, loss.code);
    stream.detach(this, 'source_lost');
  }

  /** Ends a stream that nobody has watched for a while. */
  #watchIdle(): Disposable {
    let idleSinceMs = performance.now();
    const timer = setInterval(() => {
      const stream = this.#stream;
      const nowMs = performance.now();
      if (!stream || this.#options.isWatched(stream)) idleSinceMs = nowMs;
      else if (nowMs - idleSinceMs >= this.#options.idleMs) {
        this.end('source_idle');
        stream.end('source_idle');
      }
    }, idleCheckMs);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  #keepEarly(message: StreamMessage): void {
    this.#earlyBytes += message.payload.length;
    if (this.#earlyBytes > earlyBytesMax) {
      this.#options.events.counters.earlyDropped += this.#takeEarly().length;
      this.#earlyBytes = message.payload.length;
    }
    this.#early.push(message);
  }

  #takeEarly(): StreamMessage[] {
    const messages = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    return messages;
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

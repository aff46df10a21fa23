import { codeOf } from '@gala/lib/error';
import { Backoff } from '@gala/lib/lifecycle';
import type { Outbound } from '@gala/lib/outbound';
import { MediaError } from '@gala/media/error';
import { parseRtmpUrl } from '@gala/media/rtmp';
import { connectRtmp, type RtmpClient } from '@gala/media-io/rtmp';
import type { Stream, StreamOutput } from '../stream.ts';
import { payloadOf, type Tag } from '../tag.ts';
import type { ForwardEvents, ShownTarget } from './events.ts';

export interface ForwardOptions {
  readonly stream: Stream;
  readonly url: string;
  /** Place in the host's list, from 0. */
  readonly index: number;
  readonly bufferBytes: number;
  readonly outbound: Outbound;
  readonly events: ForwardEvents;
}

export type ForwardState = 'connecting' | 'live' | 'waiting' | 'ended';

const retryMs = { initialMs: 1_000, maxMs: 30_000 };
/** A connection that held this long was a good one: the next wait is short again. */
const goodMs = 30_000;
const timestampRange = 2 ** 32;

/**
 * A copy of one stream for one RTMP target, from the stream's present picture until the stream's end; a lost
 * connection is made again with back-off. A target that is slower than the stream loses frames up to the next key
 * frame, and nobody else does.
 */
export class Forward implements StreamOutput {
  readonly target: ShownTarget;
  readonly #options: ForwardOptions;
  readonly #ending = new AbortController();
  #state: ForwardState = 'connecting';
  #client: RtmpClient | undefined;
  /** Stream time of the first frame of this connection, which is 0 for the target. */
  #beganAtMs: number | undefined;
  #awaitsKeyFrame = false;
  #leftOut = 0;

  constructor(options: ForwardOptions) {
    this.#options = options;
    const { stream, index, url } = options;
    this.target = { roomId: stream.roomId, index, address: addressOf(url) };
    void this.#run();
  }

  get state(): ForwardState {
    return this.#state;
  }

  /** Frames that the target was too slow for. */
  get leftOut(): number {
    return this.#leftOut;
  }

  begin(tags: readonly Tag[]): void {
    for (const tag of tags) this.add(tag);
  }

  add(tag: Tag): void {
    if (tag.keyFrame) this.#awaitsKeyFrame = false;
    const isPicture = tag.kind === 'video' && !tag.sequenceHeader;
    if (this.#awaitsKeyFrame && isPicture) return this.#leaveOut();
    if (this.#send(tag)) return;
    this.#leaveOut();
    if (isPicture) this.#awaitsKeyFrame = true;
    // Without its set-up what follows cannot be decoded: the target joins anew.
    if (tag.sequenceHeader) void this.#client?.[Symbol.asyncDispose]();
  }

  /** The stream's timeline goes on, so nothing changes for the target. */
  beginPublisher(): void {}

  forget(): void {}

  end(): void {
    this.#ending.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const { events } = this.#options;
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      this.#state = 'connecting';
      const startedMs = performance.now();
      try {
        await this.#connection(signal);
        if (!signal.aborted) events.lost(this.target);
        if (performance.now() - startedMs > goodMs) backoff.reset();
      } catch (error) {
        if (!signal.aborted) events.failed(this.target, reasonOf(error), backoff.attempts === 0);
      }
      this.#state = 'waiting';
      await backoff.wait(signal).catch(() => undefined);
    }
    this.#state = 'ended';
    events.ended(this.target);
  }

  /** One connection, from its making to its end. */
  async #connection(signal: AbortSignal): Promise<void> {
    const { stream, url, bufferBytes, outbound, events } = this.#options;
    outbound.check(parseRtmpUrl(url).host);
    const closed = Promise.withResolvers<void>();
    const onClose = (): void => closed.resolve();
    const { lookup } = outbound;
    await using client = await connectRtmp(url, { lookup, signal, writableBytesMax: bufferBytes, onClose });
    signal.addEventListener('abort', onClose, { once: true });
    await Promise.race([client.publish(), closed.promise]);
    if (signal.aborted) return;
    this.#client = client;
    this.#beganAtMs = undefined;
    this.#awaitsKeyFrame = false;
    this.#state = 'live';
    events.connected(this.target);
    stream.addOutput(this);
    await closed.promise;
    signal.removeEventListener('abort', onClose);
    stream.removeOutput(this);
    this.#client = undefined;
  }

  #send(tag: Tag): boolean {
    const client = this.#client;
    if (!client) return true;
    if (!tag.sequenceHeader) this.#beganAtMs ??= tag.timestampMs;
    const sinceMs = tag.timestampMs - (this.#beganAtMs ?? Infinity);
    const timestampMs = Math.max(0, sinceMs) % timestampRange;
    const payload = payloadOf(tag);
    if (tag.kind === 'video') return client.sendVideo(timestampMs, payload);
    if (tag.kind === 'audio') return client.sendAudio(timestampMs, payload);
    return client.sendMetadata(timestampMs, payload);
  }

  #leaveOut(): void {
    this.#leftOut++;
    this.#options.events.counters.framesLeftOut++;
  }
}

/** Host and port of a URL, without the path, which may be a key. */
function addressOf(url: string): string {
  return URL.parse(url)?.host ?? 'invalid';
}

function reasonOf(error: unknown): string {
  return error instanceof MediaError ? error.code : codeOf(error);
}

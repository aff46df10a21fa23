import type { Clock } from '@gala/lib/clock';
import { GopCache } from '../gop-cache.ts';
import type { Publisher, Stream, StreamMessage } from '../stream.ts';
import { payloadOf } from '../tag.ts';
import { TagEncoder } from '../tag-encoder.ts';
import { Timeline } from '../timeline.ts';

export interface BackupOptions {
  /** The connection; closed when the backup is not wanted any more. */
  readonly connection: Publisher;
  readonly hostName: string;
  readonly clock: Clock;
  /** Told when another publisher speaks again and this one waits once more. */
  readonly onStoodBack: (stream: Stream) => void;
}

const timestampRange = 2 ** 32;

/**
 * A spare publisher. While it waits it keeps its own clock and nothing but its set-up and its latest group of
 * pictures, within the bounds of a GopCache, so that it has a picture the moment it is put on air.
 */
export class Backup implements Publisher {
  readonly hostName: string;
  readonly #options: BackupOptions;
  readonly #timeline = new Timeline();
  readonly #encoder = new TagEncoder();
  readonly #cache = new GopCache();
  #stream: Stream | undefined;

  constructor(options: BackupOptions) {
    this.hostName = options.hostName;
    this.#options = options;
  }

  get remoteAddress(): string {
    return this.#options.connection.remoteAddress;
  }

  get rttMs(): number | undefined {
    return this.#options.connection.rttMs;
  }

  get isOnAir(): boolean {
    return this.#stream !== undefined;
  }

  get heldBytes(): number {
    return this.#cache.bytes;
  }

  /** One message of its encoder, to whatever comes of it. */
  append({ kind, timestampMs, payload }: StreamMessage): void {
    const correctedMs = this.#timeline.correct(kind, timestampMs, this.#options.clock.monotonicMs());
    const tag = this.#encoder.encode(kind, correctedMs, payload);
    if (typeof tag !== 'string') this.#cache.add(tag);
    this.#stream?.append(this, { kind, timestampMs: correctedMs % timestampRange, payload });
  }

  endOfRead(): void {
    this.#stream?.endOfRead();
  }

  /**
   * Speaks for a held stream from now on. Its pictures since the last key frame go before, so that there is one at
   * once; the stream shows them as fast as can be, up to the present one.
   */
  goOnAir(stream: Stream): void {
    this.#stream = stream;
    stream.attach(this, stream.epoch, this.#timeline.positionMs % timestampRange);
    for (const tag of [...this.#cache.headers, ...this.#cache.upTo(Infinity)]) {
      // Sound of the past has no time left to be heard in.
      if (tag.kind === 'audio' && !tag.sequenceHeader) continue;
      const { kind, timestampMs } = tag;
      stream.append(this, { kind, timestampMs: timestampMs % timestampRange, payload: payloadOf(tag) });
    }
    stream.endOfRead();
  }

  /** The stream does not want it any more: it waits again if somebody else speaks there, and else it is closed. */
  close(status: string, description: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream?.publisher) this.#options.onStoodBack(stream);
    else this.#options.connection.close(status, description);
  }

  /** Its connection is over; answers the stream that it leaves without a publisher, if it spoke there. */
  leave(reason: string): Stream | undefined {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.detach(this, reason);
    return stream;
  }
}

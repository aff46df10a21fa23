import { createHash } from 'node:crypto';
import type { Clock } from '@gala/lib/clock';
import { hasCode, type CodedError } from '@gala/lib/error';
import type { NativeChild } from '@gala/lib/lifecycle';
import { CoverChild } from '@gala/media-io/cover';
import type { Stream } from '../stream.ts';
import type { Streams } from '../streams.ts';
import type { CoversConfig } from './config.ts';
import { CoverFollower } from './cover-follower.ts';
import { CoverShelf, type Cover } from './cover-shelf.ts';
import type { CoverEvents } from './events.ts';

export interface CoversOptions {
  readonly config: CoversConfig;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly spawn: () => NativeChild;
  readonly events: CoverEvents;
}

const etagChars = 16;

/** Still pictures of the public rooms on air here, made by one child process and kept in memory. */
export class Covers implements AsyncDisposable {
  readonly shelf: CoverShelf;
  readonly #options: CoversOptions;
  readonly #child: CoverChild;
  readonly #followed = new WeakSet<Stream>();
  /** Ended rooms whose last cover is still there. */
  readonly #ended = new Map<number, NodeJS.Timeout>();
  #isUnavailable = false;

  constructor(options: CoversOptions) {
    const { config, streams, spawn, events } = options;
    this.#options = options;
    this.shelf = new CoverShelf({ ...config, counters: events.counters });
    this.#child = new CoverChild({
      spawn,
      counters: events.counters,
      onCover: (roomId, jpeg) => this.#keep(roomId, jpeg),
      onEnded: (error) => this.#childEnded(error),
      limits: { widthMax: config.widthMax },
    });
    if (config.enabled) streams.observe((stream) => this.#changed(stream));
  }

  get(roomId: number): Cover | undefined {
    return this.shelf.get(roomId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#ended.values()) clearTimeout(timer);
    await this.#child[Symbol.asyncDispose]();
  }

  #changed(stream: Stream): void {
    if (stream.state === 'ended') this.#forgetLater(stream.roomId);
    else if (stream.state === 'live' && !stream.identity.isPrivate) this.#follow(stream);
  }

  #follow(stream: Stream): void {
    if (this.#followed.has(stream)) return;
    this.#followed.add(stream);
    clearTimeout(this.#ended.get(stream.roomId));
    this.#ended.delete(stream.roomId);
    const { config, clock } = this.#options;
    const follower = new CoverFollower({
      intervalMs: config.intervalMs,
      nowMs: () => clock.monotonicMs(),
      onPicture: (picture) => {
        if (!this.#isUnavailable) this.#child.draw(stream.roomId, picture);
      },
    });
    stream.addOutput(follower);
  }

  #keep(roomId: number, jpeg: Buffer): void {
    const digest = createHash('sha256').update(jpeg).digest('base64url');
    const etag = `"${digest.slice(0, etagChars)}"`;
    this.shelf.put(roomId, { jpeg, etag, madeAtMs: this.#options.clock.nowMs() });
  }

  #forgetLater(roomId: number): void {
    this.#child.forget(roomId);
    if (!this.shelf.get(roomId)) return;
    const forget = (): void => {
      this.#ended.delete(roomId);
      this.shelf.remove(roomId);
    };
    this.#ended.set(roomId, setTimeout(forget, this.#options.config.keptMs).unref());
  }

  #childEnded(error: CodedError): void {
    if (!hasCode(error, 'NATIVE_MISSING')) return this.#options.events.childEnded(error);
    if (!this.#isUnavailable) this.#options.events.unavailable(error);
    this.#isUnavailable = true;
  }
}

import { Outbound } from '@gala/lib/outbound';
import type { Stream } from '../stream.ts';
import type { Streams } from '../streams.ts';
import { Forward } from './forward.ts';
import type { ForwardEvents } from './events.ts';

export interface ForwardsOptions {
  readonly config: {
    readonly targetsMax: number;
    readonly bufferBytes: number;
    readonly privateTargets: boolean;
  };
  readonly streams: Streams;
  readonly events: ForwardEvents;
}

/** The forwards of this process: each stream whose publisher is here goes to the targets of its host. */
export class Forwards implements Disposable {
  readonly #options: ForwardsOptions;
  readonly #outbound: Outbound;
  readonly #byStream = new Map<Stream, readonly Forward[]>();

  constructor(options: ForwardsOptions) {
    this.#options = options;
    this.#outbound = new Outbound({ allowPrivate: options.config.privateTargets });
    options.streams.observe((stream) => this.#follow(stream));
  }

  get size(): number {
    let size = 0;
    for (const forwards of this.#byStream.values()) size += forwards.length;
    return size;
  }

  /** Those of one stream, for the stats. */
  of(stream: Stream): readonly Forward[] {
    return this.#byStream.get(stream) ?? [];
  }

  [Symbol.dispose](): void {
    for (const stream of this.#byStream.keys()) this.#end(stream);
  }

  #follow(stream: Stream): void {
    const isHere = stream.isOwner && stream.state !== 'ended';
    if (!isHere) this.#end(stream);
    else if (stream.state === 'live' && !this.#byStream.has(stream)) this.#begin(stream);
  }

  #begin(stream: Stream): void {
    const { config, events } = this.#options;
    const { bufferBytes, targetsMax } = config;
    const forwards: Forward[] = [];
    this.#byStream.set(stream, forwards);
    for (const [index, url] of stream.identity.media.forwardUrls.entries()) {
      if (this.size >= targetsMax) events.refused(stream.roomId, index);
      else forwards.push(new Forward({ stream, url, index, bufferBytes, outbound: this.#outbound, events }));
    }
  }

  #end(stream: Stream): void {
    for (const forward of this.of(stream)) forward.end();
    this.#byStream.delete(stream);
  }
}

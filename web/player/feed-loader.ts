import type { StreamFeed } from './feed.ts';
import { mpegts, type MpegtsConfig } from './mpegts.ts';

/** The loader states of mpegts.js (its `LoaderStatus`, which it does not export as values). */
const status = { idle: 0, buffering: 2, complete: 4 } as const;

/** The slot that mpegts.js puts its callbacks and reads its state from; untyped there. */
interface LoaderSlots {
  _status: number;
  onDataArrival: ((chunk: ArrayBuffer, byteStart: number, receivedLength?: number) => void) | null;
  onComplete: ((from: number, to: number) => void) | null;
}

type LoaderConstructor = NonNullable<MpegtsConfig['customLoader']>;

/** Makes mpegts.js read a feed that is open already in place of opening a connection itself. */
export function feedLoader(feed: StreamFeed): LoaderConstructor {
  class FeedLoader extends mpegts.BaseLoader {
    #receivedBytes = 0;

    constructor() {
      super('gala-feed');
      this._needStash = false;
    }

    override open(): void {
      const slots = this as unknown as LoaderSlots;
      slots._status = status.buffering;
      feed.read({
        onData: (chunk) => {
          const byteStart = this.#receivedBytes;
          this.#receivedBytes += chunk.byteLength;
          slots.onDataArrival?.(chunk, byteStart, this.#receivedBytes);
        },
        onEnd: () => {
          slots._status = status.complete;
          slots.onComplete?.(0, this.#receivedBytes - 1);
        },
      });
    }

    override abort(): void {
      (this as unknown as LoaderSlots)._status = status.complete;
      feed.close();
    }

    override destroy(): void {
      feed.close();
      super.destroy();
    }
  }
  return FeedLoader;
}

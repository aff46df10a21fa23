import type { Stream } from './stream.ts';

/** Told of each change of a stream's state, and why. */
export type StreamObserver = (stream: Stream, reason: string) => void;

/** All streams of this process, by room and by the host's name. Bounded by the publishers that are admitted. */
export class Streams {
  readonly #byRoom = new Map<number, Stream>();
  readonly #byName = new Map<string, Stream>();

  readonly #observers: StreamObserver[] = [];

  get size(): number {
    return this.#byRoom.size;
  }

  get(roomId: number): Stream | undefined {
    return this.#byRoom.get(roomId);
  }

  byName(name: string): Stream | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  add(stream: Stream): void {
    this.#byRoom.set(stream.roomId, stream);
    this.#byName.set(stream.identity.hostName.toLowerCase(), stream);
  }

  remove(stream: Stream): void {
    if (this.#byRoom.get(stream.roomId) === stream) this.#byRoom.delete(stream.roomId);
    const name = stream.identity.hostName.toLowerCase();
    if (this.#byName.get(name) === stream) this.#byName.delete(name);
  }

  /** Whoever follows streams (reports, outputs, hooks) hears of every change, in the order of subscription. */
  observe(observer: StreamObserver): void {
    this.#observers.push(observer);
  }

  /** What a stream of this process tells its changes to; one that has ended is gone before anybody hears of it. */
  readonly changed: StreamObserver = (stream, reason) => {
    if (stream.state === 'ended') this.remove(stream);
    for (const observer of this.#observers) observer(stream, reason);
  };

  [Symbol.iterator](): IterableIterator<Stream> {
    return this.#byRoom.values();
  }
}

import type { Stream } from './stream.ts';

/** All streams of this process, by room and by the host's name. Bounded by the publishers that are admitted. */
export class Streams {
  readonly #byRoom = new Map<number, Stream>();
  readonly #byName = new Map<string, Stream>();

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
    this.#byRoom.delete(stream.roomId);
    const name = stream.identity.hostName.toLowerCase();
    if (this.#byName.get(name) === stream) this.#byName.delete(name);
  }

  [Symbol.iterator](): IterableIterator<Stream> {
    return this.#byRoom.values();
  }
}

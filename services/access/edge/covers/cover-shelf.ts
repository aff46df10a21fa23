/** The newest picture of a room. */
export interface Cover {
  readonly jpeg: Buffer;
  readonly etag: string;
  readonly madeAtMs: number;
}

export interface CoverShelfOptions {
  readonly roomsMax: number;
  readonly bytesMax: number;
  readonly counters: { evicted: number };
}

/** Covers in memory, bounded by count and bytes: over a bound the ones that were made longest ago go, counted. */
export class CoverShelf {
  readonly #options: CoverShelfOptions;
  /** In the order of their making. */
  readonly #covers = new Map<number, Cover>();
  #bytes = 0;

  constructor(options: CoverShelfOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#covers.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(roomId: number): Cover | undefined {
    return this.#covers.get(roomId);
  }

  put(roomId: number, cover: Cover): void {
    this.remove(roomId);
    this.#covers.set(roomId, cover);
    this.#bytes += cover.jpeg.length;
    const { roomsMax, bytesMax, counters } = this.#options;
    for (const oldest of this.#covers.keys()) {
      if (this.size <= roomsMax && this.#bytes <= bytesMax) return;
      this.remove(oldest);
      counters.evicted++;
    }
  }

  remove(roomId: number): void {
    this.#bytes -= this.#covers.get(roomId)?.jpeg.length ?? 0;
    this.#covers.delete(roomId);
  }
}

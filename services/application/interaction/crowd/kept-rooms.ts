/** How a room stops being owned here. */
export type HowClosed = 'ended' | 'idle' | 'lost';

export interface KeptRoomsOptions<Kept> {
  /** When to write next, in ms; undefined while there is nothing to write. */
  readonly dueMs: () => number | undefined;
  /** Writes what waits. */
  readonly write: () => Promise<void>;
  /** Writes what is left of one, that is written no more afterwards. */
  readonly close: (kept: Kept, how: HowClosed) => Promise<void>;
}

/** Rooms of which something is kept in the collections: one writing at a time for all, and one end for each. */
export class KeptRooms<Kept extends { readonly roomId: number }> implements AsyncDisposable {
  readonly #options: KeptRoomsOptions<Kept>;
  readonly #rooms = new Map<number, Kept>();
  readonly #closing = new Map<number, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: KeptRoomsOptions<Kept>) {
    this.#options = options;
  }

  get size(): number {
    return this.#rooms.size;
  }

  [Symbol.iterator](): IterableIterator<Kept> {
    return this.#rooms.values();
  }

  has(kept: Kept): boolean {
    return this.#rooms.get(kept.roomId) === kept;
  }

  /** The one before of the same room is written to its end. */
  async closed(roomId: number): Promise<void> {
    await this.#closing.get(roomId);
  }

  add(kept: Kept): void {
    this.#rooms.set(kept.roomId, kept);
    this.arm();
  }

  close(roomId: number, how: HowClosed): Promise<void> {
    const kept = this.#rooms.get(roomId);
    if (!kept) return this.#closing.get(roomId) ?? Promise.resolve();
    this.#rooms.delete(roomId);
    const closing = this.#options.close(kept, how).finally(() => this.#closing.delete(roomId));
    this.#closing.set(roomId, closing);
    return closing;
  }

  /** Writes what waits now. */
  flush(): Promise<void> {
    this.#flushing ??= this.#options.write().finally(() => {
      this.#flushing = undefined;
      this.arm();
    });
    return this.#flushing;
  }

  /** There may be something to write. */
  arm(): void {
    if (this.#isClosed || this.#timer || this.#flushing) return;
    const dueMs = this.#options.dueMs();
    if (dueMs === undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, dueMs).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await Promise.all([this.flush(), ...this.#closing.values()]);
  }
}

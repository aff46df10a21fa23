import type { Clock } from '@gala/lib/clock';
import type { RoomBatch } from './encoding.ts';
import type { InteractionCounters } from './events.ts';
import type { Room } from './room.ts';

export interface TicksOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly counters: InteractionCounters;
  /** What a room has said, for the nodes that show it. */
  readonly onBatch: (room: Room, batch: RoomBatch) => void;
  /** All rooms of a tick have been asked. */
  readonly onEnd: () => void;
}

/** So long a tick holds the event loop at most, before it lets others through. */
const sliceMs = 3;

/** One beat for all rooms; it asks only those that have something to say, and stands still when none has. */
export class Ticks implements AsyncDisposable {
  readonly #options: TicksOptions;
  #dirty = new Set<Room>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: TicksOptions) {
    this.#options = options;
  }

  readonly mark = (room: Room): void => {
    this.#dirty.add(room);
    this.#arm();
  };

  /** What these rooms have to say goes out now. */
  async flush(rooms: Iterable<Room>): Promise<void> {
    await this.#running;
    await this.#say([...rooms].filter((room) => this.#dirty.delete(room)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** The beat is the clock's, so that a tick that takes long does not put the next one off. */
  #arm(): void {
    if (this.#timer || this.#running) return;
    const { clock, tickMs } = this.#options;
    const waitMs = tickMs - (clock.monotonicMs() % tickMs);
    this.#timer = setTimeout(() => this.#beat(), waitMs);
  }

  #beat(): void {
    this.#timer = undefined;
    const rooms = this.#dirty;
    this.#dirty = new Set();
    this.#running = this.#say(rooms).finally(() => {
      this.#running = undefined;
      if (this.#dirty.size > 0) this.#arm();
    });
  }

  async #say(rooms: Iterable<Room>): Promise<void> {
    const { clock, counters, tickMs, onBatch, onEnd } = this.#options;
    counters.ticks++;
    const beganMs = clock.monotonicMs();
    let sliceBeganMs = beganMs;
    for (const room of rooms) {
      if (room.isClosed) continue;
      const batch = room.flush(clock.nowMs());
      if (batch) onBatch(room, batch);
      if (clock.monotonicMs() - sliceBeganMs < sliceMs) continue;
      counters.tickYields++;
      await new Promise(setImmediate);
      sliceBeganMs = clock.monotonicMs();
    }
    if (clock.monotonicMs() - beganMs > tickMs) counters.ticksLate++;
    onEnd();
  }
}

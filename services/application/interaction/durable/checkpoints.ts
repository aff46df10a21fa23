import type { Coord } from '@gala/lib/coord';
import type { Position } from '@gala/lib/eventlog';
import type { InteractionEvents } from '../events.ts';

/** Where one who starts begins to read, and since when everything is known from there on. */
export interface Checkpoint {
  readonly atMs: number;
  readonly positions: readonly Position[];
}

export interface CheckpointOptions {
  readonly coord: Pick<Coord, 'get' | 'cas'>;
  readonly events: InteractionEvents;
  /** How far back one who starts is to know everything. */
  readonly reachMs: number;
}

const key = 'interaction/signals';
/** Positions that are remembered on the way to the reach. */
const notedMax = 12;

/**
 * Notes now and then where the log was read some minutes ago, so that one who starts reads those minutes and not the
 * whole day. Nothing is written while nothing is said.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  /** Oldest first; the first is at least as old as the reach, or the oldest that there is. */
  readonly #noted: Checkpoint[] = [];
  #written: Checkpoint | undefined;
  #isWriting = false;

  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /** Errors: COORD_UNAVAILABLE. */
  async read(): Promise<Checkpoint | undefined> {
    return (await this.#options.coord.get<Checkpoint>(key))?.value;
  }

  /** Here it begins; what is noted from now on is later. */
  begin(checkpoint: Checkpoint): void {
    this.#noted.splice(0, this.#noted.length, checkpoint);
  }

  /** Everything before these positions has been read. */
  note(positions: readonly Position[], nowMs: number): void {
    const { reachMs } = this.#options;
    const isDue = nowMs - (this.#noted.at(-1)?.atMs ?? -Infinity) >= reachMs / (notedMax - 2);
    if (isDue) this.#noted.push({ atMs: nowMs, positions });
    while (this.#noted.length > notedMax || (this.#noted[1]?.atMs ?? Infinity) <= nowMs - reachMs)
      this.#noted.shift();
    if ((isDue || !this.#written) && !this.#isWriting) void this.write(nowMs);
  }

  /** Another process may have written a later one, which is as good. */
  async write(nowMs: number): Promise<void> {
    const { coord, events, reachMs } = this.#options;
    const [checkpoint] = this.#noted;
    if (!checkpoint || checkpoint === this.#written) return;
    this.#isWriting = true;
    try {
      const record = await coord.get<Checkpoint>(key);
      const isBehind = !record || record.value.atMs < checkpoint.atMs || record.value.atMs > nowMs + reachMs;
      if (isBehind) await coord.cas(key, record?.version ?? 0, checkpoint);
      this.#written = checkpoint;
      events.counters.checkpoints++;
    } catch (error) {
      events.checkpointFailed(error);
    } finally {
      this.#isWriting = false;
    }
  }
}

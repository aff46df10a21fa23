import type { ReadBatchesResponse } from '@gala/protocol/interaction';
import type { Position } from '@gala/protocol/signals';
import type { Room } from './room.ts';
import { SharedBatch } from './shared.ts';

/** What one who comes back has missed, as far as it can be had here. */
export interface Missed {
  readonly batches: readonly SharedBatch[];
  readonly isComplete: boolean;
}

export const nothingMissed: Missed = { batches: [], isComplete: true };

/** Answers of the owner that are asked for: it keeps less than they hold. */
const answersMax = 8;

/**
 * What somebody has missed who comes back from further than a room's own ring reaches, read from its owner: ask for
 * what is after `place` and take the answers, until it is done.
 */
export class MissedReading {
  place: Position;
  readonly #since: Position;
  #batches: SharedBatch[] = [];
  #isComplete = true;
  #answers = 0;
  #reachesRing = false;

  constructor(since: Position) {
    this.#since = since;
    this.place = since;
  }

  /** It goes on from here in the ring, or was not to be reached. */
  get isDone(): boolean {
    return this.#reachesRing || this.#answers >= answersMax;
  }

  take(room: Room, response: ReadBatchesResponse): void {
    this.#answers++;
    if (!response.complete && !this.#isComplete) return this.#beginAgain();
    if (!response.complete) this.#isComplete = false;
    const batches = response.batches.map((batch) => new SharedBatch(batch));
    this.#batches.push(...batches);
    this.place = placeAfter(this.place, batches, response);
    this.#reachesRing =
      this.#isComplete && this.#batches.length > 0
        ? room.ring.extend(this.#batches, this.#since.offset)
        : this.#rest(room) !== undefined;
  }

  /**
   * All of it, up to where the room is by now. Undefined while that cannot be told: control and money may be of what
   * was not read, so nobody may be told a gap instead.
   */
  upTo(room: Room): Missed | undefined {
    const here = room.missedSince(this.#since);
    if (here) return here;
    const rest = this.#rest(room);
    return rest && { batches: [...this.#batches, ...rest], isComplete: this.#isComplete };
  }

  /** The owner has dropped what was to follow: out of the log it would come behind what is here already. */
  #beginAgain(): void {
    this.#batches = [];
    this.#isComplete = true;
    this.place = this.#since;
  }

  #rest({ epoch, ring }: Room): SharedBatch[] | undefined {
    return this.place.epoch === epoch ? ring.after(this.place.offset) : undefined;
  }
}

/** Where somebody is who has this answer; also without a batch he has all that is left up to where the owner is. */
function placeAfter(
  { offset, durable }: Position,
  batches: readonly SharedBatch[],
  response: ReadBatchesResponse,
): Position {
  const epoch = Number(response.epoch);
  const last = batches.at(-1);
  if (last?.epoch === epoch) return { epoch, offset: last.to, durable: Math.max(durable, last.durable) };
  return {
    epoch,
    offset: response.complete ? offset : Number(response.offset),
    durable: Math.max(durable, last?.durable ?? 0),
  };
}

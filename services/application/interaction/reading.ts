import type { Clock } from '@gala/lib/clock';
import type { DurableTail } from './durable/tail.ts';
import type { RoomBatch } from './encoding.ts';
import type { InteractionEvents } from './events.ts';
import type { Room } from './room.ts';

/** Where a reader is. */
export interface ReadPosition {
  readonly epoch: number;
  readonly after: number;
  /** Number of the last control or money signal that it has. */
  readonly afterDurable: number;
  readonly limit: number;
}

export interface ReadAnswer {
  readonly isComplete: boolean;
  readonly isDurableComplete: boolean;
  /** What was promised before the epoch is not known yet, and not in the batches. */
  readonly isDurablePending: boolean;
  readonly batches: readonly RoomBatch[];
}

export interface ReadingOptions {
  readonly tail: Pick<DurableTail, 'after'>;
  readonly clock: Clock;
  readonly events: InteractionEvents;
}

const whole = { isComplete: true, isDurableComplete: true, isDurablePending: false };
/** One answer is well below the largest message. */
const answerBytesMax = 2 ** 20;

/**
 * What a reader of a room lacks: from the ring as far as it reaches, and what may not be lost from the log's tail where
 * it does not.
 */
export function readBatches(
  room: Room,
  position: ReadPosition,
  { tail, clock, events }: ReadingOptions,
): ReadAnswer {
  const { epoch, after, afterDurable, limit } = position;
  events.counters.repairs++;
  const isSameEpoch = epoch === room.epoch && after <= room.told.offset;
  if (isSameEpoch && after >= room.ring.reachesBackTo) {
    return { ...whole, batches: cut(room.ring.after(after, limit)) };
  }
  events.counters.repairsIncomplete++;
  if (!room.holding.isCaughtUp) {
    const batches = cut(room.ring.after(isSameEpoch ? after : 0, limit));
    return { isComplete: false, isDurableComplete: false, isDurablePending: true, batches };
  }
  const missed = tail.after(room.roomId, afterDurable);
  const records = missed.records.filter(({ number }) => !room.has(number));
  const recalled = records.length > 0 || missed.isComplete ? [room.recalled(records, clock.nowMs())] : [];
  const ring = room.ring.after(isSameEpoch ? after : 0, Math.max(1, limit - recalled.length));
  const batches = [...recalled, ...cut(ring)];
  return { isComplete: false, isDurableComplete: missed.isComplete, isDurablePending: false, batches };
}

/** As many as one message takes, one at least: the reader asks for what follows. */
function cut(batches: readonly RoomBatch[]): readonly RoomBatch[] {
  let bytes = 0;
  const count = batches.findIndex((batch, index) => (bytes += batch.bytes) > answerBytesMax && index > 0);
  return count < 0 ? batches : batches.slice(0, count);
}

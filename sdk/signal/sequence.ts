import type { Batch, Position, Signal } from '@gala/protocol/signals';
import { RecentIds } from './recent-ids.ts';
import type { Gap } from './types.ts';

/** Batches that wait for those before them. What comes above that is asked for again. */
const heldMax = 512;
/** Control and money signals that are known by id. */
const durableIdsMax = 10_000;

/** What came of a message: batches in order, each signal once, and what is missing between them for good. */
export type SequenceEvent =
  | { readonly kind: 'batch'; readonly batch: Batch; readonly isRecalled: boolean }
  | { readonly kind: 'gap'; readonly gap: Gap };

/** Where the server says that a client is, once everything that it can send up to there has been sent. */
export interface Settled {
  readonly epoch: number;
  readonly offset: number;
  readonly isComplete: boolean;
  readonly durable?: number;
}

/**
 * The place of a client in what its room says. Batches may come twice, in any order, from two connections at once;
 * they leave in order, once. What is missing is waited for until a welcome or the end of a repair says that it will
 * not come. Pure: no time, no sockets.
 */
export class Sequence {
  #position: Position | undefined;
  #held: Batch[] = [];
  readonly #durableIds = new RecentIds(durableIdsMax);
  /** Batches that came twice, and those that could not be held. */
  readonly counters = { duplicates: 0, overflows: 0 };

  get position(): Position | undefined {
    return this.#position;
  }

  /** Something came that does not follow: ask for what is after `position`. */
  get needsRepair(): boolean {
    return this.#position !== undefined && this.#held.length > 0;
  }

  take(batch: Batch): SequenceEvent[] {
    const { epoch, from, to } = batch;
    const position = this.#position;
    if (epoch === 0 || (position && epoch < position.epoch)) return this.#recall(batch);
    if (position && epoch === position.epoch) {
      const isStateAlone = to < from;
      if (to <= position.offset && !(isStateAlone && from === position.offset + 1)) {
        this.counters.duplicates++;
        return [];
      }
      if (from <= position.offset + 1) return [...this.#emit(batch), ...this.#release()];
    }
    this.#hold(batch);
    return [];
  }

  /** What is missing up to there will not come any more. */
  settle(settled: Settled): SequenceEvent[] {
    const position = this.#position;
    if (!position) return this.#begin(settled);
    if (settled.epoch < position.epoch) return [];
    const events: SequenceEvent[] = [];
    if (settled.epoch > position.epoch) {
      // How much the old owner said after that, nobody knows.
      if (!settled.isComplete) events.push(gapEvent(position.epoch, position.offset + 1, undefined));
      this.#position = { ...position, epoch: settled.epoch, offset: 0 };
      this.#held = this.#held.filter(({ epoch }) => epoch >= settled.epoch);
    }
    events.push(...this.#advanceTo(settled.offset), ...this.#release());
    this.#knowDurable(settled.durable ?? 0);
    return events;
  }

  /** The first welcome: what came before it is what was said lately, and nothing is missing. */
  #begin({ epoch, offset, durable = 0 }: Settled): SequenceEvent[] {
    const history = this.#held.filter((batch) => batch.epoch === epoch && batch.to <= offset);
    this.#held = this.#held.filter((batch) => batch.epoch === epoch && batch.to > offset);
    const first = history[0]?.from ?? offset + 1;
    this.#position = { epoch, offset: first - 1, durable };
    const events = history.flatMap((batch) => {
      const fresh = batch.from > (this.#position?.offset ?? 0);
      return fresh ? this.#emit(batch) : [];
    });
    this.#position = { epoch, offset, durable: this.#position.durable };
    return [...events, ...this.#release()];
  }

  /** Emits what is held up to an offset, and says what is not there. */
  #advanceTo(offset: number): SequenceEvent[] {
    const events: SequenceEvent[] = [];
    for (const batch of this.#takeHeld(({ from }) => from <= offset)) {
      const { epoch, offset: reached } = this.#known();
      if (batch.to <= reached) continue;
      if (batch.from > reached + 1) events.push(gapEvent(epoch, reached + 1, batch.from - 1));
      events.push(...this.#emit(batch));
    }
    const { epoch, offset: reached } = this.#known();
    if (reached >= offset) return events;
    events.push(gapEvent(epoch, reached + 1, offset));
    this.#position = { ...this.#known(), offset };
    return events;
  }

  /** Goes on with what was held, as far as it follows. */
  #release(): SequenceEvent[] {
    const events: SequenceEvent[] = [];
    for (;;) {
      const { offset } = this.#known();
      const [next] = this.#takeHeld(({ from }) => from <= offset + 1, 1);
      if (!next) return events;
      if (next.to > offset || next.from === offset + 1) events.push(...this.#emit(next));
    }
  }

  /** Held batches of this epoch that match, in order, at most so many; they are held no longer. */
  #takeHeld(matches: (batch: Batch) => boolean, max = Infinity): Batch[] {
    const { epoch } = this.#known();
    const taken: Batch[] = [];
    this.#held = this.#held.filter((batch) => {
      const takes = taken.length < max && batch.epoch === epoch && matches(batch);
      if (takes) taken.push(batch);
      return !takes;
    });
    return taken;
  }

  #emit(batch: Batch): SequenceEvent[] {
    const { offset } = this.#known();
    this.#position = { ...this.#known(), offset: Math.max(offset, batch.to) };
    this.#knowDurable(batch.durable);
    const signals = batch.signals.filter((signal) => signal.offset > offset && this.#isNew(signal));
    return [{ kind: 'batch', batch: { ...batch, signals }, isRecalled: false }];
  }

  /** Out of the log: of these it counts which are known, not where they stand. */
  #recall(batch: Batch): SequenceEvent[] {
    const signals = batch.signals.filter((signal) => isDurable(signal) && this.#isNew(signal));
    if (this.#position) this.#knowDurable(batch.durable);
    return signals.length > 0 ? [{ kind: 'batch', batch: { ...batch, signals }, isRecalled: true }] : [];
  }

  #isNew(signal: Signal): boolean {
    return !isDurable(signal) || signal.signalId === '' || this.#durableIds.add(signal.signalId);
  }

  #knowDurable(durable: number): void {
    const position = this.#known();
    if (durable > position.durable) this.#position = { ...position, durable };
  }

  #hold(batch: Batch): void {
    const { epoch, from } = batch;
    let index = this.#held.length;
    while (index > 0 && isAfter(this.#held[index - 1], batch)) index--;
    const before = this.#held[index - 1];
    if (before && before.epoch === epoch && before.from === from && before.to === batch.to) {
      this.counters.duplicates++;
      return;
    }
    this.#held.splice(index, 0, batch);
    if (this.#held.length <= heldMax) return;
    // The last one is read again by a repair.
    this.#held.pop();
    this.counters.overflows++;
  }

  #known(): Position {
    if (!this.#position) throw new RangeError('no place is known before the first welcome');
    return this.#position;
  }
}

function isAfter(one: Batch, other: Batch): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.from > other.from);
}

function isDurable(signal: Signal): boolean {
  return signal.class === 'control' || signal.class === 'money';
}

function gapEvent(epoch: number, from: number, to: number | undefined): SequenceEvent {
  return { kind: 'gap', gap: { epoch, from, to } };
}

import type { Batch, Signal } from '@gala/protocol/signals';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Sequence, type SequenceEvent } from './sequence.ts';

const epoch = 7;

function batchOf(from: number, to: number, fields: Partial<Batch> = {}): Batch {
  const offsets = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  const signals = offsets.map((offset): Signal => {
    const isMoney = offset % 3 === 0;
    const common = { offset, atMs: 0, signalId: isMoney ? `${fields.epoch ?? epoch}-${offset}` : '' };
    return { ...common, type: 'like', class: isMoney ? 'money' : 'ambient', count: 1 };
  });
  const header = { epoch, from, to, atMs: 0, stateVersion: 0, durable: 0, tier: 'full' } as const;
  return { ...header, counts: [], state: [], signals, ...fields };
}

/** Offsets in the order of their coming, `-` before those that are said to be missing. */
function told(events: readonly SequenceEvent[]): string {
  return events
    .map((event) =>
      event.kind === 'gap'
        ? `-${event.gap.from}..${event.gap.to ?? ''}`
        : event.batch.signals.map(({ offset }) => offset).join(' '),
    )
    .join(' ');
}

function startedAt(offset: number): Sequence {
  const sequence = new Sequence();
  sequence.settle({ epoch, offset, isComplete: true });
  return sequence;
}

describe('a sequence', () => {
  test('passes batches that follow, and those that came twice once', () => {
    const sequence = startedAt(4);
    expect(told(sequence.take(batchOf(5, 6)))).toBe('5 6');
    expect(told(sequence.take(batchOf(5, 6)))).toBe('');
    expect(told(sequence.take(batchOf(7, 7)))).toBe('7');
    expect(sequence.counters.duplicates).toBe(1);
  });

  test('holds what does not follow until it is repaired', () => {
    const sequence = startedAt(4);
    expect(told(sequence.take(batchOf(8, 9)))).toBe('');
    expect(sequence.needsRepair).toBe(true);
    expect(sequence.position).toEqual({ epoch, offset: 4, durable: 0 });
    expect(told(sequence.take(batchOf(5, 7)))).toBe('5 6 7 8 9');
    expect(sequence.needsRepair).toBe(false);
    expect(told(sequence.settle({ epoch, offset: 9, isComplete: true }))).toBe('');
  });

  test('says exactly what is missing when a repair ends without it', () => {
    const sequence = startedAt(4);
    sequence.take(batchOf(8, 9));
    sequence.take(batchOf(12, 12));
    const events = sequence.settle({ epoch, offset: 14, isComplete: false, durable: 3 });
    expect(told(events)).toBe('-5..7 8 9 -10..11 12 -13..14');
    expect(sequence.position).toEqual({ epoch, offset: 14, durable: 3 });
  });

  test('passes state that comes alone, where it stands and where it was missed', () => {
    const sequence = startedAt(4);
    expect(sequence.take(batchOf(5, 4))).toHaveLength(1);
    expect(sequence.position?.offset).toBe(4);
    expect(sequence.take(batchOf(7, 6))).toHaveLength(0);
    expect(sequence.take(batchOf(5, 6))).toHaveLength(2);
    expect(sequence.take(batchOf(3, 2))).toHaveLength(0);
  });

  test('begins with what was said before the first welcome', () => {
    const sequence = new Sequence();
    expect(sequence.take(batchOf(50, 52))).toEqual([]);
    expect(told(sequence.settle({ epoch, offset: 52, isComplete: true }))).toBe('50 51 52');
    expect(told(sequence.take(batchOf(53, 53)))).toBe('53');
  });

  test('goes on in a new epoch: says that the old one has an open end, and keeps money complete', () => {
    const sequence = startedAt(4);
    sequence.take(batchOf(5, 6));
    const recalled = batchOf(1, 3, { epoch: 0, durable: 40 });
    recalled.signals.forEach((signal, index) =>
      Object.assign(signal, { class: 'money', signalId: `7-${index + 5}` }),
    );
    // 7-6 was had by the live batch.
    expect(told(sequence.take(recalled))).toBe('1 3');
    sequence.take(batchOf(3, 4, { epoch: 8 }));
    const events = sequence.settle({ epoch: 8, offset: 4, isComplete: false });
    expect(told(events)).toBe('-7.. -1..2 3 4');
    expect(sequence.position).toEqual({ epoch: 8, offset: 4, durable: 40 });
    expect(told(sequence.take(batchOf(5, 5)))).toBe('');
    expect(told(sequence.take(batchOf(5, 5, { epoch: 8 })))).toBe('5');
  });

  test('takes of batches that overlap what is new', () => {
    const sequence = startedAt(4);
    sequence.take(batchOf(8, 9));
    sequence.take(batchOf(8, 8));
    expect(told(sequence.take(batchOf(5, 6)))).toBe('5 6');
    const events = sequence.take(batchOf(6, 8));
    expect(told(events)).toBe('7 8 9');
    expect(events).toHaveLength(2);
    sequence.take(batchOf(12, 15));
    sequence.take(batchOf(13, 14));
    expect(sequence.settle({ epoch, offset: 15, isComplete: false })).toHaveLength(2);
  });

  test('is not taken back by a node that lags behind', () => {
    const sequence = startedAt(9);
    expect(sequence.settle({ epoch, offset: 5, isComplete: true })).toEqual([]);
    expect(sequence.settle({ epoch: epoch - 1, offset: 50, isComplete: true })).toEqual([]);
    expect(sequence.position?.offset).toBe(9);
  });

  test('holds so many batches at most, and asks for the rest again', () => {
    const sequence = startedAt(0);
    for (let offset = 2; offset < 1000; offset++) sequence.take(batchOf(offset, offset));
    expect(sequence.counters.overflows).toBe(486);
    const events = sequence.take(batchOf(1, 1));
    expect(sequence.position?.offset).toBe(513);
    expect(events).toHaveLength(513);
  });
});

/**
 * Goal: whatever a connection loses, repeats and reorders, everything that was said is either told once and in order,
 * or named by a gap. Method: a room of random batches with a ring that forgets; live batches come lossy, twice and out
 * of order; repairs answer from the ring, themselves mixed with what is live.
 */
test('nothing is told twice, out of order or not at all', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 40 });
  const fates = fc.array(fc.constantFrom('pass', 'pass', 'lose', 'twice', 'later', 'repair'), {
    minLength: 1,
  });
  fc.assert(
    fc.property(sizes, fates, fc.integer({ min: 1, max: 12 }), (batchSizes, fate, ringMax) => {
      const said = batchesOf(batchSizes);
      const feed = new LossyFeed(said, ringMax);
      said.forEach((_, index) => feed.bring(index, fate[index % fate.length]));
      feed.repair(said.length);
      expect(feed.offsets).toEqual(Array.from({ length: said.at(-1)?.to ?? 0 }, (_, index) => index + 1));
      expect(feed.sequence.needsRepair).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

function batchesOf(sizes: readonly number[]): Batch[] {
  let offset = 0;
  return sizes.map((size) => batchOf(offset + 1, (offset += size)));
}

class LossyFeed {
  readonly sequence = startedAt(0);
  /** Those that were told and those that were named as missing, in the order of their coming. */
  readonly offsets: number[] = [];
  readonly #said: readonly Batch[];
  readonly #ringMax: number;
  #delayed: Batch[] = [];

  constructor(said: readonly Batch[], ringMax: number) {
    this.#said = said;
    this.#ringMax = ringMax;
  }

  bring(index: number, fate: string): void {
    const batch = this.#said[index];
    if (fate === 'later') this.#delayed.push(batch);
    if (fate === 'pass' || fate === 'twice') this.#take(batch);
    if (fate !== 'twice' && fate !== 'repair') return;
    if (fate === 'repair') this.repair(index + 1);
    for (const late of this.#delayed.splice(0).reverse()) this.#take(late);
    if (fate === 'twice') this.#take(batch);
  }

  /** As a node answers when it has heard the first `count` batches. */
  repair(count: number): void {
    const ring = this.#said.slice(Math.max(0, count - this.#ringMax), count);
    const after = this.sequence.position?.offset ?? 0;
    for (const batch of ring) {
      if (batch.to > after) this.#take(batch);
      const live = this.#said[count];
      if (live) this.#take(live);
    }
    const offset = this.#said[count - 1].to;
    this.#note(this.sequence.settle({ epoch, offset, isComplete: (ring[0]?.from ?? 1) <= after + 1 }));
  }

  #take(batch: Batch): void {
    this.#note(this.sequence.take(batch));
  }

  #note(events: readonly SequenceEvent[]): void {
    for (const event of events) {
      if (event.kind === 'batch') this.offsets.push(...event.batch.signals.map(({ offset }) => offset));
      else for (let at = event.gap.from; at <= (event.gap.to ?? 0); at++) this.offsets.push(at);
    }
  }
}

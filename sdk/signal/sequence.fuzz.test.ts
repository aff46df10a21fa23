import type { Batch, Signal } from '@gala/protocol/signals';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { fuzz } from '../../media/fixtures/fuzz.ts';
import { Sequence, type SequenceEvent } from './sequence.ts';

/** Batches that the ring of an owner keeps. */
const ringMax = 5;

/**
 * A room as docs/signals.md has it: owners that die and lose their rings, a log of money that outlives them, and a
 * client to whom batches come late, twice or not at all.
 */
class Room {
  readonly sequence = new Sequence();
  epoch = 1;
  offset = 0;
  /** Ids of money signals, in their order; a number is a place in it, from 1. */
  readonly log: string[] = [];
  #ring: Batch[] = [];
  #late: Batch[] = [];
  /** What the client was told. */
  readonly money: string[] = [];
  readonly covered = new Map<number, number[]>();

  constructor() {
    this.#settle(true);
  }

  say(signals: number, fate: string): void {
    const batch = this.#batch(signals);
    this.#ring = [...this.#ring, batch].slice(-ringMax);
    if (fate === 'late') this.#late.push(batch);
    if (fate === 'pass' || fate === 'twice') this.#take(batch);
    if (fate === 'twice') this.#take(batch);
  }

  /** What came late comes now, the last first. */
  arrive(): void {
    for (const batch of this.#late.splice(0).reverse()) this.#take(batch);
  }

  /** The owner dies, and with it the ring. */
  die(): void {
    this.epoch++;
    this.offset = 0;
    this.#ring = [];
  }

  /** A repair, or the welcome of one who comes back: both bring what there is, and then say where that is. */
  repair(): void {
    const position = this.sequence.position;
    const base = (this.#ring[0]?.from ?? this.offset + 1) - 1;
    const isComplete = position?.epoch === this.epoch && position.offset >= base;
    const durable = position?.durable ?? 0;
    const after = isComplete ? position.offset : 0;
    if (!isComplete) this.#recall(durable);
    for (const batch of this.#ring) if (batch.to > after) this.#take(batch);
    this.#settle(isComplete);
  }

  #recall(durable: number): void {
    const inRing = new Set(this.#ring.flatMap(({ signals }) => signals.map(({ signalId }) => signalId)));
    const ids = this.log.slice(durable).filter((id) => !inRing.has(id));
    const signals = ids.map((signalId, index) => money(signalId, index + 1));
    if (signals.length === 0) return;
    const last = this.log.indexOf(ids[ids.length - 1]) + 1;
    this.#take({ ...header, epoch: 0, from: 1, to: signals.length, durable: last, signals });
  }

  #settle(isComplete: boolean): void {
    const { epoch, offset, log } = this;
    this.#note(this.sequence.settle({ epoch, offset, durable: log.length, isComplete }));
  }

  #batch(count: number): Batch {
    const from = this.offset + 1;
    const signals = Array.from({ length: count }, () => {
      const offset = ++this.offset;
      const signalId = `${this.epoch}-${offset}`;
      if (offset % 3 !== 0) return money('', offset);
      this.log.push(signalId);
      return money(signalId, offset);
    });
    return { ...header, epoch: this.epoch, from, to: this.offset, durable: this.log.length, signals };
  }

  #take(batch: Batch): void {
    this.#note(this.sequence.take(batch));
  }

  #note(events: readonly SequenceEvent[]): void {
    for (const event of events) {
      if (event.kind === 'gap')
        this.#cover(event.gap.epoch, event.gap.from, event.gap.to ?? event.gap.from - 1);
      else {
        const { batch, isRecalled } = event;
        this.money.push(...batch.signals.flatMap(({ signalId }) => (signalId ? [signalId] : [])));
        if (!isRecalled) this.#cover(batch.epoch, batch.from, batch.to);
      }
    }
  }

  #cover(epoch: number, from: number, to: number): void {
    const offsets = this.covered.get(epoch) ?? [];
    this.covered.set(epoch, offsets);
    for (let offset = from; offset <= to; offset++) offsets.push(offset);
  }
}

const header = { atMs: 0, stateVersion: 0, tier: 'full', counts: [], state: [] } as const;

/** Money with an id; without one a like that may be lost. */
function money(signalId: string, offset: number): Signal {
  return { type: 'like', class: signalId ? 'money' : 'ambient', offset, atMs: 0, signalId, count: 1 };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      signals: fc.nat(4),
      fate: fc.constantFrom('pass', 'pass', 'lose', 'twice', 'late'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('arrive' as const, 'repair' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const) }) },
);

fuzz(
  'over the deaths of owners nothing is told twice or silently not at all, and money is told whole and in order',
  fc.array(step, { maxLength: 50 }),
  (steps) => {
    const room = new Room();
    for (const each of steps) {
      if (each.kind === 'say') room.say(each.signals, each.fate);
      else room[each.kind]();
    }
    room.repair();
    room.arrive();
    expect(room.money).toEqual(room.log);
    expect(room.sequence.needsRepair).toBe(false);
    expect(room.sequence.position).toEqual({
      epoch: room.epoch,
      offset: room.offset,
      durable: room.log.length,
    });
    expect(room.covered.get(room.epoch) ?? []).toEqual(upTo(room.offset));
    for (const offsets of room.covered.values()) expect(offsets).toEqual(upTo(offsets.length));
  },
);

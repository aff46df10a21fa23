import { signalClasses, type Batch, type Signal, type SignalClass } from '@gala/protocol/signals';
import type { SignalCounts } from './types.ts';

type Counts = { -readonly [Key in keyof SignalCounts]: SignalCounts[Key] };

/** What became of everything that was offered, by class: nothing goes without standing somewhere. */
export class Accounts {
  readonly counts: Record<SignalClass, Counts>;

  constructor() {
    const none = (): Counts => ({ offered: 0, shown: 0, merged: 0, shed: 0, capped: 0, passed: 0 });
    this.counts = Object.fromEntries(signalClasses.map((each) => [each, none()])) as Record<
      SignalClass,
      Counts
    >;
  }

  /** A batch that follows, with those of its signals that are new and those that are shown. */
  add({ counts, signals }: Batch, shown: readonly Signal[]): void {
    for (const { class: signalClass, offered, merged, shed } of counts) {
      const sum = this.counts[signalClass];
      sum.offered += offered;
      sum.merged += merged;
      sum.shed += shed;
      sum.passed += offered - merged - shed;
    }
    // Whatever is here was not passed over; a class without a count has been offered what is here.
    for (const { class: signalClass } of signals) {
      const sum = this.counts[signalClass];
      sum.capped++;
      if (counts.some((count) => count.class === signalClass)) sum.passed--;
      else sum.offered++;
    }
    this.#show(shown);
  }

  /** Signals that came outside of the sequence. */
  addAlone(signals: readonly Signal[], shown: readonly Signal[]): void {
    for (const { class: signalClass } of signals) {
      this.counts[signalClass].offered++;
      this.counts[signalClass].capped++;
    }
    this.#show(shown);
  }

  #show(shown: readonly Signal[]): void {
    for (const { class: signalClass } of shown) {
      this.counts[signalClass].capped--;
      this.counts[signalClass].shown++;
    }
  }
}

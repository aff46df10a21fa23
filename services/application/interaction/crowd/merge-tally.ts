import type { LabelledValue } from '@gala/lib/metrics';
import { signalClasses, tiers } from '@gala/protocol/signals';
import type { TierTick } from '../types.ts';

const outcomes = ['shown', 'merged', 'shed'] as const;

/** What became of the signals of all rooms of a process, by class and tier. */
export class MergeTally {
  readonly #counts = new Float64Array(signalClasses.length * tiers.length * outcomes.length);

  add(ticks: readonly TierTick[]): void {
    for (const { tier, counts } of ticks) {
      for (const { class: name, offered, merged, shed } of counts) {
        const at = placeOf(signalClasses.indexOf(name), tiers.indexOf(tier));
        this.#counts[at] += offered - merged - shed;
        this.#counts[at + 1] += merged;
        this.#counts[at + 2] += shed;
      }
    }
  }

  /** Offered are the three outcomes together. */
  *read(): Iterable<LabelledValue> {
    for (const [classIndex, name] of signalClasses.entries()) {
      for (const [tierIndex, tier] of tiers.entries()) {
        for (const [at, outcome] of outcomes.entries()) {
          const value = this.#counts[placeOf(classIndex, tierIndex) + at];
          yield { labels: { class: name, tier, outcome }, value };
        }
      }
    }
  }
}

function placeOf(classIndex: number, tierIndex: number): number {
  return (classIndex * tiers.length + tierIndex) * outcomes.length;
}

import {
  signalClasses,
  tiers,
  type ClassCount,
  type Signal,
  type SignalClass,
  type Tier,
} from '@gala/protocol/signals';
import type { TickMerger, TierTick } from '../types.ts';
import { FairOrder } from './fair-order.ts';
import { foldKeyOf, isFoldable, OpenLine, type Line } from './line.ts';
import type { MergeTally } from './merge-tally.ts';
import { defaultMergeLimits, type MergeLimits, type SheddableClass } from './merge-limits.ts';
import { TokenBucket } from './token-bucket.ts';

export interface MergerOptions {
  readonly limits?: MergeLimits;
  /** 0 to 1; for those who repeat what happened. */
  readonly random?: () => number;
  /** Counts what became of all signals. */
  readonly tally?: MergeTally;
}

/** One class in one tick. */
interface Offered {
  offered: number;
  readonly lines: OpenLine[];
}

interface Chosen {
  readonly name: SignalClass;
  readonly offered: number;
  /** Those to be shown first at the front. */
  readonly lines: readonly Line[];
  /** Lines from the front that each tier shows, by the tier's place. */
  readonly quotas: readonly number[];
}

/**
 * Merges and sheds what one room says in a tick (interaction.md). Likes are summed; of those who enter one is shown
 * for all; comments that say the same and free gifts of one author are counted together. Control and money pass as
 * they are, in every tier: never folded, never shed. The other classes have so many lines a second in each tier; above
 * that authors take turns, and what a smaller tier shows is always among what a greater one shows.
 */
export class RoomMerger implements TickMerger {
  readonly #limits: MergeLimits;
  readonly #random: () => number;
  readonly #tally: MergeTally | undefined;
  readonly #buckets: Readonly<Record<Tier, PerClass<TokenBucket>>>;
  /** Made when there is too much for the first time: most rooms never say so much. */
  readonly #fairness = new Map<SheddableClass, FairOrder>();
  #classes = new Map<SignalClass, Offered>();
  #open = new Map<string, OpenLine>();
  #lines = 0;

  constructor({ limits = defaultMergeLimits, random = Math.random, tally }: MergerOptions = {}) {
    this.#tally = tally;
    this.#limits = limits;
    this.#random = random;
    const bucketsOf = (tier: Tier): PerClass<TokenBucket> =>
      perClass((name) => new TokenBucket(limits.linesPerSecond[tier][name]));
    this.#buckets = {
      full: bucketsOf('full'),
      reduced: bucketsOf('reduced'),
      minimal: bucketsOf('minimal'),
      control: bucketsOf('control'),
    };
  }

  offer(signal: Signal): void {
    const offered = this.#offeredOf(signal.class);
    offered.offered++;
    if (isSheddable(signal.class)) this.#add(signal, offered);
    else offered.lines.push(new OpenLine(signal));
    // A comment must not come after the signal that takes it back, so nothing is folded over one.
    if (signal.class === 'control') this.#open.clear();
  }

  flush(nowMs: number): readonly TierTick[] | undefined {
    if (this.#classes.size === 0) return undefined;
    const chosen = [...this.#classes].map(([name, offered]) => this.#choose(name, offered, nowMs));
    this.#classes = new Map();
    this.#open.clear();
    this.#lines = 0;
    const ticks: TierTick[] = [];
    for (const [index, tier] of tiers.entries()) {
      const same = tiers.findIndex((_, other) =>
        chosen.every(({ quotas }) => quotas[other] === quotas[index]),
      );
      ticks.push(same < index ? { ...ticks[same], tier } : tickOf(tier, chosen));
    }
    this.#tally?.add(ticks);
    return ticks;
  }

  #choose(name: SignalClass, { offered, lines }: Offered, nowMs: number): Chosen {
    if (!isSheddable(name)) return { name, offered, lines, quotas: tiers.map(() => lines.length) };
    const quotas = tiers.map((tier) => this.#buckets[tier][name].take(lines.length, nowMs));
    const partial = Math.max(...quotas.filter((quota) => quota < lines.length));
    if (!(partial > 0)) return { name, offered, lines, quotas };
    const fairness = this.#fairnessOf(name);
    const ordered = fairness.order(lines, nowMs);
    for (let at = 0; at < partial; at++) fairness.chosen(ordered[at]);
    return { name, offered, lines: ordered, quotas };
  }

  #fairnessOf(name: SheddableClass): FairOrder {
    let fairness = this.#fairness.get(name);
    if (!fairness) {
      fairness = new FairOrder({ forMs: this.#limits.fairForMs, random: this.#random });
      this.#fairness.set(name, fairness);
    }
    return fairness;
  }

  #offeredOf(name: SignalClass): Offered {
    let offered = this.#classes.get(name);
    if (!offered) this.#classes.set(name, (offered = { offered: 0, lines: [] }));
    return offered;
  }

  #add(signal: Signal, offered: Offered): void {
    const key = foldKeyOf(signal);
    const open = key === undefined ? undefined : this.#open.get(key);
    if (open && isFoldable(signal)) return open.fold(signal, this.#random);
    if (this.#lines >= this.#limits.linesPerTickMax) return;
    const line = new OpenLine(signal);
    this.#lines++;
    offered.lines.push(line);
    if (key !== undefined) this.#open.set(key, line);
  }
}

type PerClass<Value> = Readonly<Record<SheddableClass, Value>>;

function perClass<Value>(make: (name: SheddableClass) => Value): PerClass<Value> {
  return { host: make('host'), member: make('member'), system: make('system'), ambient: make('ambient') };
}

function isSheddable(name: SignalClass): name is SheddableClass {
  return name !== 'control' && name !== 'money';
}

function tickOf(tier: Tier, chosen: readonly Chosen[]): TierTick {
  const index = tiers.indexOf(tier);
  const lines = chosen.flatMap((each) => each.lines.slice(0, each.quotas[index]));
  const signals = lines.sort((a, b) => a.offset - b.offset).map(({ shown }) => shown);
  const counts = chosen.map((each) => countOf(each, index));
  return { tier, signals, counts: counts.sort((a, b) => placeOf(a) - placeOf(b)) };
}

/** Signals in a line that is shown are merged but for one; those of a line that is not are shed, all of them. */
function countOf({ name, offered, lines, quotas }: Chosen, index: number): ClassCount {
  let standing = 0;
  for (let at = 0; at < quotas[index]; at++) standing += lines[at].signals;
  return { class: name, offered, merged: standing - quotas[index], shed: offered - standing };
}

function placeOf(count: ClassCount): number {
  return signalClasses.indexOf(count.class);
}

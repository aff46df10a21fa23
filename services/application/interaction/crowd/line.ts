import type { CommentSignal, EnterSignal, GiftSignal, LikeSignal, Signal } from '@gala/protocol/signals';

/** Signals that say the same and are shown as one. */
type Foldable = CommentSignal | EnterSignal | GiftSignal | LikeSignal;

/** Something to show in a tick: one signal, or several folded into one. */
export interface Line {
  readonly shown: Signal;
  /** How many signals it stands for. */
  readonly signals: number;
  /** Of the last of them. */
  readonly offset: number;
  /** Whose it is, so that none takes the place of many. */
  readonly author: number | string;
}

/** A line as long as its tick lasts. */
export class OpenLine implements Line {
  signals = 1;
  readonly author: number | string;
  #first: Signal;
  #last: Signal;
  #count: number;
  #folded: Signal | undefined;

  constructor(signal: Signal) {
    this.#first = signal;
    this.#last = signal;
    this.#count = 'count' in signal ? signal.count : 1;
    this.author = authorOf(signal);
  }

  get offset(): number {
    return this.#last.offset;
  }

  /** To be asked when nothing is folded into it any more. The signal itself when it is alone; else the first, or of enters any, with the sum and the place of the last. */
  get shown(): Signal {
    if (this.signals === 1) return this.#first;
    const { offset, atMs } = this.#last;
    return (this.#folded ??= { ...(this.#first as Foldable), count: this.#count, offset, atMs });
  }

  /** @param random 0 to 1: of many who enter each is the one shown with the same chance */
  fold(signal: Foldable, random: () => number): void {
    this.signals++;
    this.#count += signal.count;
    this.#last = signal;
    if (signal.type === 'enter' && random() * this.signals < 1) this.#first = signal;
  }
}

/**
 * What signals have in common that may be folded into one; undefined for those that stand alone. Control and money
 * are complete: a paid combo is folded by who draws it, never here. What a host says is not folded either.
 */
export function foldKeyOf(signal: Signal): string | undefined {
  if (signal.class === 'control' || signal.class === 'money' || signal.class === 'host') return undefined;
  const what = whatOf(signal);
  if (what === undefined) return undefined;
  const { filter } = signal;
  const forWhom = filter ? `${filter.platforms.join()}/${filter.versionMin}/${filter.capability}` : '';
  return `${signal.class} ${forWhom} ${what}`;
}

export function isFoldable(signal: Signal): signal is Foldable {
  const { type } = signal;
  return type === 'comment' || type === 'enter' || type === 'gift' || type === 'like';
}

function whatOf(signal: Signal): string | undefined {
  switch (signal.type) {
    case 'comment':
      return `comment ${normalised(signal.text)}`;
    case 'like':
    case 'enter':
      return signal.type;
    case 'gift':
      // An entry of the ledger is named to everybody, whatever its class.
      return signal.entryId ? undefined : `gift ${authorOf(signal)} ${signal.giftId}`;
    default:
      return undefined;
  }
}

function authorOf(signal: Signal): number | string {
  if (!('author' in signal)) return signal.type;
  return signal.author.userId || signal.author.name;
}

/** Comments that look alike are alike: compatibility forms (NFKC), letter case and spaces aside. */
function normalised(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll(/\s+/gu, ' ').trim();
}

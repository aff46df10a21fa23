import type { Draft, Speaker } from '../types.ts';
import { TokenBucket } from './token-bucket.ts';

type EnterDraft = Extract<Draft, { type: 'enter' }>;

export interface EntersOptions {
  readonly perSecondMax: number;
  readonly awayMs: number;
}

/** Those who went lately are remembered up to this many; a room where more come and go says some twice. */
const awayMax = 20_000;

/**
 * Makes signals of those who come. Who has not signed in and operators come unsaid, and so does who was here a moment
 * ago. Above a rate one signal stands for those before it who had none.
 */
export class Enters {
  readonly #options: EntersOptions;
  readonly #bucket: TokenBucket;
  /** Who went, in two generations. */
  #away = new Set<number>();
  #awayBefore = new Set<number>();
  #turnedAtMs = -Infinity;
  #unsaid = 0;

  constructor(options: EntersOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.perSecondMax);
  }

  /** Undefined when it is not to be said, or later with another. */
  came(speaker: Speaker, nowMs: number): EnterDraft | undefined {
    const { userId, name, role } = speaker;
    if (userId === 0 || role === 'operator' || this.#wasHere(userId, nowMs)) return undefined;
    this.#unsaid++;
    if (this.#bucket.take(1, nowMs) === 0) return undefined;
    const count = this.#unsaid;
    this.#unsaid = 0;
    return { type: 'enter', class: 'ambient', signalId: '', author: { userId, name, role }, count };
  }

  went(key: number | string, nowMs: number): void {
    this.#turn(nowMs);
    if (typeof key === 'number' && this.#away.size < awayMax) this.#away.add(key);
  }

  #wasHere(userId: number, nowMs: number): boolean {
    this.#turn(nowMs);
    return this.#away.has(userId) || this.#awayBefore.has(userId);
  }

  #turn(nowMs: number): void {
    const sinceMs = nowMs - this.#turnedAtMs;
    if (sinceMs < this.#options.awayMs) return;
    this.#awayBefore = sinceMs < 2 * this.#options.awayMs ? this.#away : new Set();
    this.#away = new Set();
    this.#turnedAtMs = nowMs;
  }
}

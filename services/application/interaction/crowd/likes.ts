import type { RoomState } from '@gala/protocol/signals';
import type { Speaker } from '../types.ts';

export const likeCounterNames = ['counted', 'refused'] as const;
export type LikeCounters = Record<(typeof likeCounterNames)[number], number>;

export interface LikesOptions {
  readonly counters: LikeCounters;
  /** What an owner before this one told last. */
  readonly total?: number;
  readonly limits?: LikeLimits;
}

export interface LikeLimits {
  /** Of one user and of one device in each window. */
  readonly perWindow: number;
  readonly windowMs: number;
  /** Users and devices that are counted in one window; the likes of more are refused. */
  readonly speakersMax: number;
  readonly tellEveryMs: number;
}

/** Fast fingers make about ten a second. */
export const defaultLikeLimits: LikeLimits = {
  perWindow: 100,
  windowMs: 10_000,
  speakersMax: 50_000,
  tellEveryMs: 1000,
};

/** The likes of one room: how many count, and how many there are. */
export class Likes {
  readonly #counters: LikeCounters;
  readonly #limits: LikeLimits;
  #total: number;
  #told: number;
  #toldAtMs = -Infinity;
  #given = new Map<number | string, number>();
  #windowAtMs = -Infinity;

  constructor({ counters, total = 0, limits = defaultLikeLimits }: LikesOptions) {
    this.#counters = counters;
    this.#limits = limits;
    this.#total = total;
    this.#told = total;
  }

  get total(): number {
    return this.#total;
  }

  /** How many of them count: what is above the rate of the user or of the device does not. */
  add({ userId, device }: Pick<Speaker, 'userId' | 'device'>, asked: number, nowMs: number): number {
    this.#turn(nowMs);
    const byDevice = this.#leftOf(device);
    const granted = Math.min(asked, byDevice, userId === 0 ? byDevice : this.#leftOf(userId));
    this.#counters.refused += asked - granted;
    if (granted === 0) return 0;
    this.#take(device, granted);
    if (userId !== 0) this.#take(userId, granted);
    this.#counters.counted += granted;
    this.#total += granted;
    return granted;
  }

  /** The part `likes` when it is to be told anew; at most once a second. */
  takeTotal(nowMs: number): RoomState['likes'] | undefined {
    if (this.#total === this.#told) return undefined;
    if (Math.abs(nowMs - this.#toldAtMs) < this.#limits.tellEveryMs) return undefined;
    this.#toldAtMs = nowMs;
    this.#told = this.#total;
    return { total: this.#total };
  }

  #leftOf(key: number | string): number {
    const { perWindow, speakersMax } = this.#limits;
    const given = this.#given.get(key);
    if (given === undefined) return this.#given.size + 1 < speakersMax ? perWindow : 0;
    return perWindow - given;
  }

  #take(key: number | string, count: number): void {
    this.#given.set(key, (this.#given.get(key) ?? 0) + count);
  }

  #turn(nowMs: number): void {
    if (Math.abs(nowMs - this.#windowAtMs) < this.#limits.windowMs) return;
    this.#windowAtMs = nowMs;
    this.#given = new Map();
  }
}

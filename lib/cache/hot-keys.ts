import type { Clock } from '../clock/index.ts';
import { HeavyHitters } from './heavy-hitters.ts';

/** What is done about keys that are read very often; all of it for as long as they are. */
export interface HotKeyPolicy {
  /** By all processes together; a key above it is hot, below half of it for a second not any more. */
  readonly readsPerSecond: number;
  /** Keeps hot keys in each process that reads them: never evicted, refreshed before their time. */
  readonly pin: boolean;
  /** Physical keys of the shared level that hold a hot key, on as many nodes; readers choose one at random. */
  readonly copies: number;
  /** Reads of one hot key that this process lets past its own level each second; 0: any number. */
  readonly loadsPerSecondMax: number;
}

export interface HotKey {
  readonly key: string;
  /** By all processes, about. */
  readonly readsPerSecond: number;
  /** How long it has been hot. */
  readonly hotMs: number;
}

/** Reads of a key in one window by one process. */
export type KeyReads = readonly [key: string, readsPerSecond: number];

export const hotKeyCounterNames = ['becameHot', 'cooled', 'hotKeysDropped', 'limited'] as const;

export interface HotKeysOptions {
  readonly clock: Clock;
  readonly policy: HotKeyPolicy;
  readonly counters: Record<(typeof hotKeyCounterNames)[number], number>;
  /** Called with the first read after a pause: windows are to be ended from now on. */
  readonly onActivity: () => void;
  readonly onHot: (key: string) => void;
  readonly onCool: (key: string) => void;
}

interface Watched {
  readonly key: string;
  /** By all processes, smoothed over some windows, and what was heard in this one. */
  readsPerSecond: number;
  heard: number;
  isHot: boolean;
  hotSinceMs: number;
  lastHotMs: number;
  /** Reads past the own level that are still allowed, of when. */
  tokens: number;
  tokensAtMs: number;
}

/** Keys counted in one window. */
const countedMax = 256;
/** Keys that one process tells of in one window. */
export const reportedMax = 32;
/** Keys watched, hot or nearly so; of more those read most stay (`hotKeysDropped`). */
const watchedMax = 256;
/** A process tells of a key when its own share alone is this much of what makes it hot. */
const shareMin = 1 / 16;
const coolMs = 1000;

/** The keys of one cache that all processes together read very often. */
export class HotKeys {
  readonly #options: HotKeysOptions;
  readonly #counted = new HeavyHitters<string>(countedMax);
  readonly #watched = new Map<string, Watched>();
  #windowAtMs: number;
  #isActive = false;

  constructor(options: HotKeysOptions) {
    this.#options = options;
    this.#windowAtMs = options.clock.monotonicMs();
  }

  /** Allocates nothing. */
  count(key: string, reads: number): void {
    if (!this.#isActive) this.#activate();
    this.#counted.add(key, reads);
  }

  isHot(key: string): boolean {
    return this.#watched.get(key)?.isHot ?? false;
  }

  /** True when this process has read `key` past its own level as often as it may; otherwise this read counts. */
  isLimited(key: string): boolean {
    const { loadsPerSecondMax } = this.#options.policy;
    const watched = loadsPerSecondMax > 0 ? this.#watched.get(key) : undefined;
    if (!watched?.isHot) return false;
    const nowMs = this.#options.clock.monotonicMs();
    const gained = ((nowMs - watched.tokensAtMs) / 1000) * loadsPerSecondMax;
    watched.tokens = Math.min(loadsPerSecondMax, watched.tokens + gained);
    watched.tokensAtMs = nowMs;
    if (watched.tokens >= 1) {
      watched.tokens--;
      return false;
    }
    this.#options.counters.limited++;
    return true;
  }

  list(): HotKey[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#watched.values()]
      .filter(({ isHot }) => isHot)
      .sort((a, b) => b.readsPerSecond - a.readsPerSecond)
      .map(({ key, readsPerSecond, hotSinceMs }) => ({ key, readsPerSecond, hotMs: nowMs - hotSinceMs }));
  }

  /** What another process read. */
  hear(reads: readonly KeyReads[]): void {
    if (reads.length > 0 && !this.#isActive) this.#activate();
    for (const [key, readsPerSecond] of reads) this.#note(key, readsPerSecond);
  }

  /** Ends a window: what this process read in it, for the others. */
  endWindow(): KeyReads[] {
    const { clock, policy } = this.#options;
    const nowMs = clock.monotonicMs();
    const perSecond = 1000 / Math.max(1, nowMs - this.#windowAtMs);
    const countMin = (policy.readsPerSecond * shareMin) / perSecond;
    const reads = this.#counted
      .top(reportedMax, countMin)
      .map(({ key, count }): KeyReads => [key, Math.round(count * perSecond)]);
    this.#isActive = this.#counted.total > 0 || this.#watched.size > 0;
    this.#counted.clear();
    this.#windowAtMs = nowMs;
    for (const [key, readsPerSecond] of reads) this.#note(key, readsPerSecond);
    for (const watched of this.#watched.values()) this.#decay(watched, nowMs);
    return reads;
  }

  /** False when nothing was read in the last window and nothing is watched: windows need not be ended. */
  get isActive(): boolean {
    return this.#isActive;
  }

  #activate(): void {
    this.#isActive = true;
    this.#windowAtMs = this.#options.clock.monotonicMs();
    this.#options.onActivity();
  }

  #note(key: string, readsPerSecond: number): void {
    const watched = this.#watched.get(key) ?? this.#watch(key, readsPerSecond);
    if (!watched) return;
    watched.heard += readsPerSecond;
    const { policy, clock, counters, onHot } = this.#options;
    if (Math.max(watched.heard, watched.readsPerSecond) < policy.readsPerSecond) return;
    watched.lastHotMs = clock.monotonicMs();
    if (watched.isHot) return;
    watched.isHot = true;
    watched.hotSinceMs = watched.tokensAtMs = watched.lastHotMs;
    watched.tokens = policy.loadsPerSecondMax;
    watched.readsPerSecond = watched.heard;
    counters.becameHot++;
    onHot(key);
  }

  #watch(key: string, readsPerSecond: number): Watched | undefined {
    if (this.#watched.size >= watchedMax && !this.#dropLeast(readsPerSecond)) return undefined;
    const rates = { readsPerSecond: 0, heard: 0, tokens: 0, tokensAtMs: 0 };
    const watched: Watched = { key, ...rates, isHot: false, hotSinceMs: 0, lastHotMs: 0 };
    this.#watched.set(key, watched);
    return watched;
  }

  /** Makes room for a key that is read more; false when it is read least itself. */
  #dropLeast(readsPerSecond: number): boolean {
    this.#options.counters.hotKeysDropped++;
    let least: Watched | undefined;
    for (const watched of this.#watched.values()) {
      if (!least || watched.readsPerSecond + watched.heard < least.readsPerSecond + least.heard)
        least = watched;
    }
    if (!least || least.readsPerSecond + least.heard >= readsPerSecond) return false;
    this.#forget(least);
    return true;
  }

  #decay(watched: Watched, nowMs: number): void {
    const { policy } = this.#options;
    watched.readsPerSecond = (watched.readsPerSecond + watched.heard) / 2;
    watched.heard = 0;
    if (watched.readsPerSecond >= policy.readsPerSecond / 2) watched.lastHotMs = nowMs;
    const isOver = watched.isHot
      ? nowMs - watched.lastHotMs >= coolMs
      : watched.readsPerSecond < policy.readsPerSecond * shareMin * 0.5;
    if (isOver) this.#forget(watched);
  }

  #forget(watched: Watched): void {
    this.#watched.delete(watched.key);
    if (!watched.isHot) return;
    this.#options.counters.cooled++;
    this.#options.onCool(watched.key);
  }
}

import type { ValueStore } from '../../cache/types.ts';

export interface ReadersOptions {
  readonly store: ValueStore;
  readonly keys: readonly string[];
  readonly count?: number;
}

/** What the reads of one while came to. */
export interface ReadsSeen {
  readonly reads: number;
  readonly hits: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Readers that each ask for one key after the other, at random, until they are ended. */
export class Readers implements AsyncDisposable {
  readonly #options: ReadersOptions;
  readonly #running: Promise<unknown>;
  #latenciesMs: number[] = [];
  #hits = 0;
  #isEnded = false;

  constructor(options: ReadersOptions) {
    this.#options = options;
    this.#running = Promise.all(Array.from({ length: options.count ?? 8 }, () => this.#read()));
  }

  /** What was seen since the last call. */
  take(): ReadsSeen {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    const seen = { reads: sorted.length, hits: this.#hits, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
    this.#latenciesMs = [];
    this.#hits = 0;
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    await this.#running;
  }

  async #read(): Promise<void> {
    const { store, keys } = this.#options;
    while (!this.#isEnded) {
      const startMs = performance.now();
      const [found] = await store.get([keys[Math.floor(Math.random() * keys.length)]]);
      this.#latenciesMs.push(performance.now() - startMs);
      if (found) this.#hits++;
      // Gives way: the engines and the other readers share two cores.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

export function readsRow({ reads, hits, p50Ms, p99Ms, maxMs }: ReadsSeen, promise: string): object {
  return {
    reads,
    'hits %': ((hits / reads) * 100).toFixed(2),
    'p50 ms': p50Ms.toFixed(2),
    'p99 ms': p99Ms.toFixed(2),
    'max ms': maxMs.toFixed(1),
    promise,
  };
}

import type { Clock } from '../clock/index.ts';
import { KeyBatch } from './key-batch.ts';
import { fillMsMax, keysMax } from './limits.ts';
import type { Loaded } from './loading-cache.ts';
import type { StoredValue, ValueStore } from './types.ts';

/** How values become bytes for the levels that processes share. What `decode` throws at is loaded anew. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array;
  decode(bytes: Buffer): Value;
}

export function jsonCodec<Value>(): Codec<Value> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(bytes.toString()) as Value,
  };
}

export const sharedCounterNames = [
  'sharedHits',
  'sharedMisses',
  'sharedOlder',
  'sharedDamaged',
  'sharedFills',
  'sharedFillsDropped',
  'copyHeals',
] as const;

export interface SharedLevelOptions<Value> {
  readonly store: ValueStore;
  readonly name: string;
  readonly clock: Clock;
  readonly codec: Codec<Value>;
  readonly ttlMs: number;
  readonly negativeTtlMs: number;
  readonly jitterShare: number;
  /** Physical keys of a hot key. An invalidation names them all: who is cold here may be hot elsewhere. */
  readonly copies: number;
  readonly isHot: (key: string) => boolean;
  /** Versions below it are known to be out of date. */
  readonly versionMin: (key: string) => number;
  /** What this process has of the key: the same version need not be decoded. */
  readonly known: (key: string) => Loaded<Value | undefined> | undefined;
  readonly counters: Record<(typeof sharedCounterNames)[number], number>;
}

/** Writes under way behind the answers; one more is not made (`sharedFillsDropped`). */
const fillsMax = 1024;

/** One cache's values in a store that all processes share. */
export class SharedLevel<Value> {
  readonly #options: SharedLevelOptions<Value>;
  readonly #reads: KeyBatch<StoredValue | undefined>;
  #fills = 0;

  constructor(options: SharedLevelOptions<Value>) {
    this.#options = options;
    this.#reads = new KeyBatch({ ask: (keys) => options.store.get(keys), keysMax });
  }

  /** Undefined: not there, or out of date. */
  async read(key: string): Promise<Loaded<Value | undefined> | undefined> {
    const loaded = await this.look(key);
    if (loaded) this.#options.counters.sharedHits++;
    else this.#options.counters.sharedMisses++;
    return loaded;
  }

  /** The same again for a read that has missed once, and is counted. */
  async look(key: string): Promise<Loaded<Value | undefined> | undefined> {
    const { copies, isHot } = this.#options;
    const copy = copies > 1 && isHot(key) ? Math.floor(Math.random() * copies) : 0;
    const stored = (await this.#stored(key, copy)) ?? (copy > 0 ? await this.#healed(key, copy) : undefined);
    return stored && this.#decoded(key, stored);
  }

  /** Stores behind the answer what the source said at `readAtMs`; all copies of a hot key. */
  fill(key: string, loaded: Loaded<Value | undefined>, readAtMs: number): Promise<void> {
    const { value, version } = loaded;
    const bytes = value === undefined ? undefined : Buffer.from(this.#options.codec.encode(value));
    const stored = { version, bytes };
    const copies = this.#options.isHot(key) ? this.#options.copies : 1;
    return this.#storeCopies(key, stored, { from: 0, to: copies, readAtMs });
  }

  async invalidate(key: string, version: number): Promise<void> {
    const { store, copies } = this.#options;
    const physical = Array.from({ length: copies }, (_, copy) => this.#physicalKey(key, copy));
    await Promise.all(physical.map((each) => store.invalidate(each, version)));
  }

  /** A copy that is missing is made from the first one. */
  async #healed(key: string, copy: number): Promise<StoredValue | undefined> {
    const stored = await this.#stored(key, 0);
    if (!stored) return undefined;
    this.#options.counters.copyHeals++;
    const readAtMs = this.#options.clock.monotonicMs();
    void this.#storeCopies(key, stored, { from: copy, to: copy + 1, readAtMs });
    return stored;
  }

  async #stored(key: string, copy: number): Promise<StoredValue | undefined> {
    const stored = await this.#reads.ask(this.#physicalKey(key, copy));
    if (!stored || stored.version >= this.#options.versionMin(key)) return stored;
    this.#options.counters.sharedOlder++;
    return undefined;
  }

  #decoded(key: string, { version, bytes }: StoredValue): Loaded<Value | undefined> | undefined {
    if (!bytes) return { version, value: undefined };
    const known = this.#options.known(key);
    if (known?.version === version && known.value !== undefined) return { version, value: known.value };
    try {
      return { version, value: this.#options.codec.decode(bytes) };
    } catch {
      this.#options.counters.sharedDamaged++;
      return undefined;
    }
  }

  async #storeCopies(
    key: string,
    stored: StoredValue,
    { from, to, readAtMs }: { from: number; to: number; readAtMs: number },
  ): Promise<void> {
    const { store, clock, counters } = this.#options;
    // Later than that an invalidation that came meanwhile may be forgotten.
    const isLate = clock.monotonicMs() - readAtMs >= fillMsMax;
    if (isLate || this.#fills >= fillsMax) {
      counters.sharedFillsDropped++;
      return;
    }
    this.#fills++;
    counters.sharedFills++;
    const copies = Array.from({ length: to - from }, (_, index) => this.#physicalKey(key, from + index));
    await Promise.all(copies.map((each) => store.set(each, stored, this.#lifeMs(stored))));
    this.#fills--;
  }

  #lifeMs({ bytes }: StoredValue): number {
    const { ttlMs, negativeTtlMs, jitterShare } = this.#options;
    return (bytes ? ttlMs : negativeTtlMs) * (1 - jitterShare * Math.random());
  }

  #physicalKey(key: string, copy: number): string {
    return `${this.#options.name}:${copy}:${key}`;
  }
}

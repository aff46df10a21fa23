import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { commonErrors } from '@gala/protocol/errors';

/** A row by its key; undefined when there is none. */
export interface Keyed {
  readonly version: number;
}

export const loaderCounterNames = [
  'asked',
  /** Joined another who asked for the same key. */
  'joined',
  /** Answered "not there" from memory. */
  'absent',
  'statements',
  'keys',
  /** Turned away because too many waited. */
  'refused',
] as const;
export type LoaderCounters = Record<(typeof loaderCounterNames)[number], number>;

export interface KeyedLoaderOptions<Value extends Keyed> {
  /** Reads many keys of one lane in one statement; those that are not there are left out, an `Error` is of its key. */
  readonly load: (lane: string, keys: readonly number[]) => Promise<ReadonlyMap<number, Value | Error>>;
  /** The physical database of a key. */
  readonly laneOf: (key: number) => string;
  readonly clock: Clock;
  readonly counters: LoaderCounters;
  /** Statements under way in one lane; what comes meanwhile makes up the next. */
  readonly statementsMax: number;
  /** Keys of one statement. */
  readonly keysPerStatementMax: number;
  /** Keys that wait or are read in one lane; one more is UNAVAILABLE. */
  readonly keysMax: number;
  /** How long "not there" is remembered. */
  readonly absentMs: number;
}

const absentMax = 10_000;

interface Lane {
  readonly waiting: Map<number, PromiseWithResolvers<unknown>>;
  running: number;
  /** Keys that wait or are read. */
  keys: number;
  isDue: boolean;
}

/**
 * Reads rows by key: whoever asks for a key that is asked for already gets the same answer, keys that are asked for in
 * one turn of the loop go in one statement, and each lane has a bounded number of statements. A lane that fails or
 * hangs fails its own keys alone.
 */
export class KeyedLoader<Value extends Keyed> {
  readonly #options: KeyedLoaderOptions<Value>;
  readonly #flights = new Map<number, Promise<Value | undefined>>();
  readonly #lanes = new Map<string, Lane>();
  /** Keys that are not there, in the order in which that is forgotten. */
  readonly #absent = new Map<number, number>();

  constructor(options: KeyedLoaderOptions<Value>) {
    this.#options = options;
  }

  /**
   * @param leastVersion what is older, or not there, was read before the caller's last change and is read again
   * @throws CodedError UNAVAILABLE, and whatever `load` throws
   */
  async get(key: number, leastVersion = 0): Promise<Value | undefined> {
    this.#options.counters.asked++;
    if (leastVersion === 0 && this.#isAbsent(key)) return undefined;
    const isJoined = this.#flights.has(key);
    const value = await this.#flight(key);
    if (!isJoined || leastVersion === 0 || (value?.version ?? 0) >= leastVersion) return value;
    return this.#flight(key);
  }

  #flight(key: number): Promise<Value | undefined> {
    const underWay = this.#flights.get(key);
    if (underWay) {
      this.#options.counters.joined++;
      return underWay;
    }
    const flight = this.#enqueue(key).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  #isAbsent(key: number): boolean {
    const until = this.#absent.get(key);
    if (until === undefined || until <= this.#options.clock.monotonicMs()) return false;
    this.#options.counters.absent++;
    return true;
  }

  async #enqueue(key: number): Promise<Value | undefined> {
    const name = this.#options.laneOf(key);
    const lane = this.#lanes.get(name) ?? { waiting: new Map(), running: 0, keys: 0, isDue: false };
    this.#lanes.set(name, lane);
    if (lane.keys >= this.#options.keysMax) {
      this.#options.counters.refused++;
      throw new CodedError(commonErrors, 'UNAVAILABLE', { detail: `${name} is busy`, retryAfterSeconds: 1 });
    }
    lane.keys++;
    const waiting = Promise.withResolvers<unknown>();
    lane.waiting.set(key, waiting);
    this.#schedule(name, lane);
    return waiting.promise as Promise<Value | undefined>;
  }

  #schedule(name: string, lane: Lane): void {
    if (lane.isDue || lane.running >= this.#options.statementsMax) return;
    lane.isDue = true;
    setImmediate(() => {
      lane.isDue = false;
      void this.#run(name, lane);
    });
  }

  async #run(name: string, lane: Lane): Promise<void> {
    const batch = [...lane.waiting].slice(0, this.#options.keysPerStatementMax);
    if (batch.length === 0) return;
    for (const [key] of batch) lane.waiting.delete(key);
    lane.running++;
    if (lane.waiting.size > 0) this.#schedule(name, lane);
    try {
      await this.#load(name, batch);
    } finally {
      lane.running--;
      lane.keys -= batch.length;
      if (lane.waiting.size > 0) this.#schedule(name, lane);
    }
  }

  async #load(name: string, batch: readonly (readonly [number, PromiseWithResolvers<unknown>])[]) {
    const { load, counters } = this.#options;
    counters.statements++;
    counters.keys += batch.length;
    try {
      const found = await load(
        name,
        batch.map(([key]) => key),
      );
      for (const [key, waiting] of batch) {
        const value = found.get(key);
        if (value instanceof Error) {
          waiting.reject(value);
          continue;
        }
        if (value) this.#absent.delete(key);
        else this.#rememberAbsent(key);
        waiting.resolve(value);
      }
    } catch (error) {
      for (const [, waiting] of batch) waiting.reject(error);
    }
  }

  #rememberAbsent(key: number): void {
    this.#absent.delete(key);
    this.#absent.set(key, this.#options.clock.monotonicMs() + this.#options.absentMs);
    if (this.#absent.size > absentMax) this.#absent.delete(this.#absent.keys().next().value!);
  }
}

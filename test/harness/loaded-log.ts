import { hasCode } from '../../lib/error/index.ts';
import type { EventLog, Topic } from '../../lib/eventlog/index.ts';
import { partitionOf } from '../../lib/eventlog/limits.ts';
import { waitUntil } from '../../lib/timing/index.ts';

/** What was seen of a log that was written to and read all the time. */
export interface Outcome {
  readonly acknowledged: number;
  /** Acknowledged, and not read. */
  readonly lost: number;
  /** Read after one that was written later under the same key. */
  readonly disordered: number;
  /** Read more than once by a follower. */
  readonly twice: number;
  /** Appends that were answered with LOG_UNAVAILABLE, and made again. */
  readonly refused: number;
}

const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);
const flowWithinMs = 120_000;

/**
 * Writers that count up, one under each key, each number until it is acknowledged or refused; a follower and a
 * group that read it. A number that was refused is left out, so that what was acknowledged has one place.
 */
export class LoadedLog implements AsyncDisposable {
  refused = 0;
  readonly #log: EventLog;
  readonly #topic: Topic;
  readonly #ending = new AbortController();
  readonly #acknowledged = new Map<string, number[]>(keys.map((key) => [key, []]));
  readonly #followed = new Map<string, number[]>(keys.map((key) => [key, []]));
  readonly #grouped = new Map<string, number[]>(keys.map((key) => [key, []]));
  readonly #running: Promise<void>[] = [];
  readonly #stopping = new AbortController();

  private constructor(log: EventLog, topic: Topic) {
    this.#log = log;
    this.#topic = topic;
  }

  static async start(open: (processId: string) => Promise<EventLog>, topic: Topic): Promise<LoadedLog> {
    const loaded = new LoadedLog(await open('load'), topic);
    loaded.#running.push(loaded.#follow(), loaded.#consume(), ...keys.map((key) => loaded.#write(key)));
    return loaded;
  }

  /** Waits until something that every writer has written from now on was read by both; how long that took. */
  async flow(): Promise<number> {
    const beginMs = performance.now();
    const marks = new Map<string, number>();
    const lengths = new Map(keys.map((key) => [key, this.#acknowledged.get(key)!.length]));
    await waitUntil(
      () => {
        for (const key of keys) {
          const next = this.#acknowledged.get(key)![lengths.get(key)!];
          if (next !== undefined) marks.set(key, next);
        }
        return (
          marks.size === keys.length &&
          [...marks].every(
            ([key, number]) => isRead(this.#followed, key, number) && isRead(this.#grouped, key, number),
          )
        );
      },
      { timeoutMs: flowWithinMs, what: 'records flow' },
    );
    return Math.round(performance.now() - beginMs);
  }

  /** Ends the writing, and reads to the end. */
  async finish(): Promise<Outcome> {
    this.#stopping.abort();
    await Promise.all(this.#running.slice(2));
    const missing = (read: Map<string, number[]>): number =>
      keys.reduce((sum, key) => {
        const seen = new Set(read.get(key));
        return sum + this.#acknowledged.get(key)!.filter((number) => !seen.has(number)).length;
      }, 0);
    const isComplete = (): boolean => missing(this.#followed) + missing(this.#grouped) === 0;
    await waitUntil(isComplete, { timeoutMs: 20_000 }).catch(() => undefined);
    const followed = keys.map((key) => this.#followed.get(key)!);
    return {
      acknowledged: [...this.#acknowledged.values()].flat().length,
      lost: missing(this.#followed) + missing(this.#grouped),
      disordered: followed.reduce((sum, numbers) => sum + stepsBack(numbers), 0),
      twice: followed.reduce((sum, numbers) => sum + numbers.length - new Set(numbers).size, 0),
      refused: this.refused,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#ending.abort();
    await Promise.all(this.#running);
    await this.#log[Symbol.asyncDispose]();
  }

  async #write(key: string): Promise<void> {
    for (let number = 1; !this.#stopping.signal.aborted; number++) {
      try {
        await this.#log.append(this.#topic, key, [Buffer.from(String(number))]);
        this.#acknowledged.get(key)!.push(number);
      } catch (error) {
        if (!hasCode(error, 'LOG_UNAVAILABLE')) throw error;
        this.refused++;
      }
      // Load enough to have some under way at any moment, and no more.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #follow(): Promise<void> {
    const from = Array.from({ length: this.#topic.partitions }, (_, partition) => ({ partition, offset: 0 }));
    for await (const { partition, records } of this.#log.follow(this.#topic, from, this.#ending.signal)) {
      for (const { key, value } of records) {
        if (partitionOf(this.#topic, key) === partition) this.#followed.get(key)!.push(Number(value));
      }
    }
  }

  async #consume(): Promise<void> {
    for await (const batch of this.#log.consume(this.#topic, 'group', this.#ending.signal)) {
      for (const { key, value } of batch.records) this.#grouped.get(key)!.push(Number(value));
      await batch.commit().catch(() => undefined);
    }
  }
}

function isRead(read: ReadonlyMap<string, number[]>, key: string, number: number): boolean {
  return (read.get(key)?.at(-1) ?? 0) >= number;
}

function stepsBack(numbers: readonly number[]): number {
  return numbers.filter((number, index) => index > 0 && number < numbers[index - 1]).length;
}

import { CodedError } from '../error/index.ts';
import { Backoff } from '../timing/index.ts';
import type { PartitionWrite } from './engine.ts';
import { eventLogErrors } from './errors.ts';
import type { LogEvents } from './events.ts';
import {
  appendMsMax,
  flushBytesMax,
  flushRecordsMax,
  underwayBytesMax,
  underwayRecordsMax,
} from './limits.ts';

/** What all lanes of a process have on its way. */
export class Underway {
  bytes = 0;
  records = 0;

  /** Errors: LOG_FULL. */
  add(records: number, bytes: number): void {
    if (this.records + records > underwayRecordsMax || this.bytes + bytes > underwayBytesMax) {
      const detail = `${this.records} records of ${this.bytes} bytes`;
      throw new CodedError(eventLogErrors, 'LOG_FULL', { detail, retryAfterSeconds: 1 });
    }
    this.records += records;
    this.bytes += bytes;
  }

  remove(records: number, bytes: number): void {
    this.records -= records;
    this.bytes -= bytes;
  }
}

interface Append {
  readonly partition: number;
  readonly key: string;
  readonly values: readonly Uint8Array[];
  readonly bytes: number;
}

interface Waiting extends Append {
  resolve(): void;
  reject(error: unknown): void;
}

export interface LaneOptions {
  readonly write: (writes: readonly PartitionWrite[]) => Promise<void>;
  readonly underway: Underway;
  readonly events: LogEvents;
}

/**
 * Group commit of one topic: one write at a time, and what comes meanwhile goes together in the next. A write that
 * fails is repeated as it was, so that the engine or its readers can tell it by its sequences.
 */
export class AppendLane {
  readonly #options: LaneOptions;
  readonly #sequences = new Map<number, number>();
  readonly #closing = new AbortController();
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Errors: LOG_FULL, LOG_UNAVAILABLE, LOG_CLOSED. */
  append(append: Append): Promise<void> {
    const { underway } = this.#options;
    if (this.#closing.signal.aborted) throw new CodedError(eventLogErrors, 'LOG_CLOSED');
    underway.add(append.values.length, append.bytes);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ ...append, resolve, reject });
    this.#draining ??= this.#drain();
    return promise.finally(() => underway.remove(append.values.length, append.bytes));
  }

  /** What is under way has its time; what waits behind it is sent, too. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // Those of the same turn of the loop go together from the first write on.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#flush();
    this.#draining = undefined;
  }

  async #flush(): Promise<void> {
    const appends = this.#take();
    try {
      await this.#send(this.#writesOf(appends));
      for (const append of appends) append.resolve();
    } catch (cause) {
      // What waited behind it has waited as long for the same engine.
      const error = new CodedError(eventLogErrors, 'LOG_UNAVAILABLE', { cause });
      for (const append of [...appends, ...this.#waiting.splice(0)]) append.reject(error);
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let records = 0;
    let count = 0;
    for (const append of this.#waiting) {
      bytes += append.bytes;
      records += append.values.length;
      if (count > 0 && (bytes > flushBytesMax || records > flushRecordsMax)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #writesOf(appends: readonly Waiting[]): PartitionWrite[] {
    const byPartition = Map.groupBy(appends, ({ partition }) => partition);
    return [...byPartition].map(([partition, all]) => {
      const entries = all.flatMap(({ key, values }) => values.map((value) => ({ key, value })));
      const firstSequence = this.#sequences.get(partition) ?? 1;
      // Numbers of a write that is given up are not used again: it may be in the log all the same.
      this.#sequences.set(partition, firstSequence + entries.length);
      return { partition, firstSequence, entries };
    });
  }

  async #send(writes: readonly PartitionWrite[]): Promise<void> {
    const { write, events } = this.#options;
    const endsAtMs = performance.now() + appendMsMax;
    const backoff = new Backoff({ initialMs: 50, maxMs: 500 });
    for (;;) {
      try {
        return await write(writes);
      } catch (error) {
        events.failed(error);
        if (performance.now() > endsAtMs || this.#closing.signal.aborted) {
          events.counters.appendFailures++;
          throw error;
        }
        events.counters.appendRetries++;
        await backoff.wait();
      }
    }
  }
}

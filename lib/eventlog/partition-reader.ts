import { CodedError, hasCode } from '../error/index.ts';
import { Backoff } from '../timing/index.ts';
import { Deduplicator } from './deduplicator.ts';
import type { TopicEngine } from './engine.ts';
import { eventLogErrors } from './errors.ts';
import type { LogEvents } from './events.ts';
import { batchRecordsMax } from './limits.ts';
import { positionAfter } from './positions.ts';
import type { LogRecord, Position } from './types.ts';

export interface PartitionReaderOptions {
  readonly engine: TopicEngine;
  readonly from: Position;
  /** Records before `from` that are looked at for what comes twice. */
  readonly lookBackRecords: number;
  readonly events: LogEvents;
  /** Waits until the consumer has taken them. */
  readonly deliver: (records: readonly LogRecord[]) => Promise<void>;
}

/**
 * Reads a partition on and on, each record once, until the signal is aborted. What fails is tried again; only
 * LOG_TRIMMED ends it.
 */
export class PartitionReader {
  #position: Position;
  readonly #options: PartitionReaderOptions;
  readonly #seen = new Deduplicator();
  readonly #backoff = new Backoff({ initialMs: 50, maxMs: 1000 });

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
    this.#position = options.from;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { lookBackRecords, from } = this.#options;
    let hasBegun: boolean | undefined = lookBackRecords === 0 || from.offset === 0;
    while (!signal.aborted && !hasBegun) hasBegun = await this.#insist(() => this.#lookBack(), signal);
    while (!signal.aborted) await this.#step(signal);
  }

  /** Errors: LOG_TRIMMED, which reading from before the position would not be told. */
  async #lookBack(): Promise<true> {
    const { engine, lookBackRecords, from } = this.#options;
    const { partition, offset } = from;
    const [start, ends] = await Promise.all([engine.start(partition), engine.end()]);
    const end = ends[partition].offset;
    if (offset < start || offset > end) {
      const detail = `partition ${partition} has ${start} to ${end}, not ${offset}`;
      throw new CodedError(eventLogErrors, 'LOG_TRIMMED', { detail });
    }
    this.#position = { partition, offset: Math.max(start, offset - lookBackRecords) };
    return true;
  }

  async #step(signal: AbortSignal): Promise<void> {
    const records = await this.#insist(() => this.#options.engine.read(this.#position, signal), signal);
    if (!records || records.length === 0) return;
    this.#position = positionAfter(records.at(-1)!);
    for (let at = 0; at < records.length && !signal.aborted; at += batchRecordsMax)
      await this.#deliver(records.slice(at, at + batchRecordsMax));
  }

  async #deliver(records: readonly LogRecord[]): Promise<void> {
    const { from, events, deliver } = this.#options;
    const unseen = this.#seen.filter(records);
    events.counters.duplicatesDropped += records.length - unseen.length;
    const wanted = unseen.filter(({ offset }) => offset >= from.offset);
    if (wanted.length === 0) return;
    events.counters.recordsRead += wanted.length;
    await deliver(wanted);
  }

  /** The answer, or undefined when the signal was aborted meanwhile or the attempt failed for now. */
  async #insist<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result | undefined> {
    try {
      const result = await work();
      this.#backoff.reset();
      return result;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (hasCode(error, 'LOG_TRIMMED')) throw error;
      this.#options.events.failed(error);
      await this.#backoff.wait(signal).catch(() => undefined);
      return undefined;
    }
  }
}

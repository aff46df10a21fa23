import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Topic } from './types.ts';

const names = [
  'recordsAppended',
  'bytesAppended',
  'batchesAppended',
  'appendRetries',
  'appendFailures',
  'appendsRefused',
  'recordsRead',
  'duplicatesDropped',
  'recordsRedelivered',
  'recordsTrimmed',
  'setBacks',
  'commits',
  'commitFailures',
  'claims',
] as const;

/** Business events of the log: counters, and lines for changes of state only. */
export class LogEvents {
  readonly counters: Record<(typeof names)[number], number>;
  readonly #logger: Logger;
  #reachable = true;

  constructor(logger: Logger, metrics: Metrics) {
    this.counters = metrics.counters('eventlog', names);
    this.#logger = logger;
  }

  appended(records: number, bytes: number): void {
    this.counters.batchesAppended++;
    this.counters.recordsAppended += records;
    this.counters.bytesAppended += bytes;
    this.answered();
  }

  /** The engine answered: said once after it did not. */
  answered(): void {
    if (!this.#reachable) this.#logger.info('event log answers again');
    this.#reachable = true;
  }

  failed(error: unknown): void {
    if (this.#reachable) this.#logger.warn({ error }, 'event log failed');
    this.#reachable = false;
  }

  claimed(topic: Topic, group: string, claim: { partition: number; offset: number; fence: number }): void {
    this.counters.claims++;
    this.#logger.info({ topic: topic.name, group, ...claim }, 'reading partition of event log');
  }

  /** The log is in an older state than a group has read, as after a restore: what it has been given may come again. */
  setBack(topic: Topic, group: string, place: { partition: number; before: number; offset: number }): void {
    this.counters.setBacks++;
    this.#logger.error({ topic: topic.name, group, ...place }, 'event log was set back to an older state');
  }

  /** Records that a group has not seen are gone: it was away for longer than they are kept. */
  trimmed(topic: Topic, group: string, lost: { partition: number; records: number }): void {
    this.counters.recordsTrimmed += lost.records;
    this.#logger.error({ topic: topic.name, group, ...lost }, 'event log is trimmed before it was read');
  }
}

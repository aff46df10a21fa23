import { CodedError, hasCode } from '../error/index.ts';
import type { Lease } from '../coord/index.ts';
import { waitUntil } from '../timing/index.ts';
import type { BatchChannel } from './batch-channel.ts';
import type { GroupClaim, TopicEngine } from './engine.ts';
import { eventLogErrors } from './errors.ts';
import type { LogEvents } from './events.ts';
import { settleMsMax } from './limits.ts';
import { PartitionReader } from './partition-reader.ts';
import { positionAfter } from './positions.ts';
import type { LogRecord, Position, Topic } from './types.ts';

export interface GroupPartitionOptions {
  readonly topic: Topic;
  readonly group: string;
  readonly engine: TopicEngine;
  readonly lookBackRecords: number;
  readonly channel: BatchChannel;
  readonly events: LogEvents;
  readonly lease: Lease;
}

/**
 * One partition, read for a group while its lease is held. A commit that fails sends the reading back to the last
 * one that did not, so that nothing is passed over.
 */
export class GroupPartition {
  readonly #options: GroupPartitionOptions;
  readonly #claim: GroupClaim;
  #committed: Position;
  /** End of what the consumer was given. */
  #deliveredMax = 0;
  #round = new AbortController();

  constructor(options: GroupPartitionOptions) {
    this.#options = options;
    const { group, lease } = options;
    this.#claim = { group, partition: lease.partition, fence: lease.fence };
    this.#committed = { partition: lease.partition, offset: 0 };
  }

  /** Records that the group has not committed, as far as the engine's end is known. */
  get lag(): number {
    return Math.max(0, (this.#options.engine.headOf(this.#claim.partition) ?? 0) - this.#committed.offset);
  }

  /** Until the signal or the lease ends; rejects when the engine cannot say where the group stands. */
  async run(signal: AbortSignal): Promise<void> {
    const { engine, topic, group, events, lease } = this.#options;
    const { partition, fence } = lease;
    const offset = await engine.claim(this.#claim);
    this.#committed = { partition, offset };
    events.claimed(topic, group, { partition, offset, fence });
    while (!signal.aborted) {
      this.#round = new AbortController();
      const round = AbortSignal.any([signal, this.#round.signal]);
      await this.#read(round).catch((error: unknown) => this.#skip(error));
    }
  }

  /** A member that gives a partition away lets its consumer finish what it has in hand. */
  async settle(): Promise<void> {
    const { lease } = this.#options;
    const isSettled = (): boolean => this.#committed.offset >= this.#deliveredMax || lease.signal.aborted;
    await waitUntil(isSettled, { timeoutMs: settleMsMax }).catch(() => undefined);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { engine, lookBackRecords, events } = this.#options;
    const reader = new PartitionReader({
      engine,
      lookBackRecords,
      events,
      from: this.#committed,
      deliver: (records) => this.#deliver(records, signal),
    });
    await reader.run(signal);
  }

  /**
   * The group was away for longer than records are kept: it goes on with the oldest that is there. Or the log was set
   * back to an older state: it goes on where that state has it.
   */
  async #skip(error: unknown): Promise<void> {
    if (!hasCode(error, 'LOG_TRIMMED')) throw error;
    const { engine, topic, group, events, lease } = this.#options;
    const { partition } = lease;
    const before = this.#committed.offset;
    const offset = Math.max(await engine.claim(this.#claim), await engine.start(partition));
    if (offset <= before) events.setBack(topic, group, { partition, before, offset });
    // A group that has read nothing yet begins with what there is.
    else if (before > 0) events.trimmed(topic, group, { partition, records: offset - before });
    this.#committed = { partition, offset };
    this.#deliveredMax = Math.min(this.#deliveredMax, offset);
  }

  async #deliver(records: readonly LogRecord[], signal: AbortSignal): Promise<void> {
    const end = positionAfter(records.at(-1)!);
    const { channel, events, lease } = this.#options;
    const batch = { partition: lease.partition, records, commit: () => this.#commit(end) };
    if (!(await channel.offer(batch, signal))) return;
    events.counters.recordsRedelivered += records.filter(({ offset }) => offset < this.#deliveredMax).length;
    this.#deliveredMax = Math.max(this.#deliveredMax, end.offset);
  }

  /** Errors: LOG_NOT_OWNER, LOG_UNAVAILABLE. */
  async #commit(position: Position): Promise<void> {
    const { engine, events, lease } = this.#options;
    const { counters } = events;
    if (position.offset <= this.#committed.offset) return;
    try {
      if (lease.signal.aborted || !(await engine.commit(this.#claim, position))) {
        throw new CodedError(eventLogErrors, 'LOG_NOT_OWNER', { detail: `partition ${lease.partition}` });
      }
      counters.commits++;
      if (position.offset > this.#committed.offset) this.#committed = position;
    } catch (cause) {
      counters.commitFailures++;
      this.#round.abort();
      if (hasCode(cause, 'LOG_NOT_OWNER')) throw cause;
      throw new CodedError(eventLogErrors, 'LOG_UNAVAILABLE', { cause });
    }
  }
}

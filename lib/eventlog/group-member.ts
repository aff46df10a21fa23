import type { Coord, Lease, MemberView } from '../coord/index.ts';
import type { Logger } from '../logger/index.ts';
import { Backoff } from '../timing/index.ts';
import { assign } from './assignment.ts';
import { BatchChannel } from './batch-channel.ts';
import type { TopicEngine } from './engine.ts';
import type { LogEvents } from './events.ts';
import { GroupPartition } from './group-partition.ts';
import type { Batch, Topic } from './types.ts';

export interface GroupMemberOptions {
  readonly topic: Topic;
  readonly group: string;
  /** Unique among the members of all processes. */
  readonly memberId: string;
  readonly coord: Coord;
  /** Opened when the first partition is to be read; rejects while the engine is away. */
  readonly openEngine: () => Promise<TopicEngine>;
  readonly lookBackRecords: number;
  readonly events: LogEvents;
  readonly logger: Logger;
}

/**
 * One consumer of a group. The members divide the partitions by the list of them all; since such lists may differ
 * for a moment, a partition is read under its lease only.
 */
export class GroupMember implements AsyncDisposable {
  readonly #options: GroupMemberOptions;
  readonly #name: string;
  readonly #channel = new BatchChannel();
  readonly #closing = new AbortController();
  /** Partitions that this member should have, with what ends its wish for each. */
  readonly #wanted = new Map<number, AbortController>();
  readonly #running = new Set<Promise<void>>();
  readonly #held = new Set<GroupPartition>();
  #membership: Promise<AsyncDisposable | undefined> | undefined;

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    this.#name = `eventlog/${options.topic.name}/${options.group}`;
  }

  /** Records of the partitions that this member reads which the group has not committed. */
  get lag(): number {
    return [...this.#held].reduce((sum, partition) => sum + partition.lag, 0);
  }

  async *batches(signal: AbortSignal): AsyncGenerator<Batch> {
    this.#membership ??= this.#join();
    yield* this.#channel.take(AbortSignal.any([signal, this.#closing.signal]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const wish of this.#wanted.values()) wish.abort();
    await Promise.all(this.#running);
    const membership = await this.#membership;
    await membership?.[Symbol.asyncDispose]();
  }

  /** Tried until coordination answers; undefined when the member is closed before. */
  async #join(): Promise<AsyncDisposable | undefined> {
    const { coord, memberId, logger } = this.#options;
    const backoff = new Backoff({ initialMs: 100, maxMs: 1000 });
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await using stack = new AsyncDisposableStack();
      try {
        const view = stack.use(await coord.members(this.#name));
        stack.use(await coord.join(this.#name, { id: memberId, data: {} }));
        this.#follow(view);
        return stack.move();
      } catch (error) {
        logger.warn({ error, group: this.#name }, 'group of event log not joined yet');
        await backoff.wait(signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  #follow(view: MemberView): void {
    view.onChange(() => this.#divide(view));
    this.#divide(view);
  }

  #divide(view: MemberView): void {
    if (this.#closing.signal.aborted) return;
    const { topic, memberId } = this.#options;
    const ids = view.list().map(({ id }) => id);
    // Its own entry may be missing in a list that is older than its joining.
    const shares = assign([...new Set([...ids, memberId])], topic.partitions);
    const share = new Set(shares.get(memberId));
    for (const [partition, wish] of this.#wanted) {
      if (share.has(partition)) continue;
      wish.abort();
      this.#wanted.delete(partition);
    }
    for (const partition of share) if (!this.#wanted.has(partition)) this.#want(partition);
  }

  #want(partition: number): void {
    const wish = new AbortController();
    this.#wanted.set(partition, wish);
    const running: Promise<void> = this.#keep(partition, wish.signal).finally(() =>
      this.#running.delete(running),
    );
    this.#running.add(running);
  }

  /** Holds the partition's lease again and again, as long as it is this member's share. */
  async #keep(partition: number, wish: AbortSignal): Promise<void> {
    const { coord, logger } = this.#options;
    const backoff = new Backoff({ initialMs: 100, maxMs: 1000 });
    while (!wish.aborted) {
      try {
        await using lease = await coord.lease(this.#name, partition, wish);
        await this.#read(lease, wish);
        backoff.reset();
      } catch (error) {
        if (wish.aborted) return;
        logger.warn({ error, group: this.#name, partition }, 'partition of event log not read');
        await backoff.wait(wish).catch(() => undefined);
      }
    }
  }

  async #read(lease: Lease, wish: AbortSignal): Promise<void> {
    const { openEngine, ...options } = this.#options;
    const engine = await openEngine();
    const partition = new GroupPartition({ ...options, engine, channel: this.#channel, lease });
    this.#held.add(partition);
    try {
      await partition.run(AbortSignal.any([wish, lease.signal]));
      if (!this.#closing.signal.aborted) await partition.settle();
    } finally {
      this.#held.delete(partition);
    }
  }
}

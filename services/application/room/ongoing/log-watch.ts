import type { Batch, EventLog, Position, Topic } from '@gala/lib/eventlog';

/** A log as one follower reads it, which can tell whether it is still the same log. */
export class LogWatch implements Pick<EventLog, 'end' | 'follow'> {
  readonly #log: Pick<EventLog, 'end' | 'follow'>;
  readonly #topic: Topic;
  readonly #next = new Map<number, number>();
  #isFollowed = false;

  constructor(log: Pick<EventLog, 'end' | 'follow'>, topic: Topic) {
    this.#log = log;
    this.#topic = topic;
  }

  end(topic: Topic): Promise<Position[]> {
    return this.#log.end(topic);
  }

  async *follow(topic: Topic, from: readonly Position[], signal: AbortSignal): AsyncGenerator<Batch> {
    for (const { partition, offset } of from) this.#next.set(partition, offset);
    this.#isFollowed = true;
    for await (const batch of this.#log.follow(topic, from, signal)) {
      yield batch;
      const last = batch.records.at(-1);
      if (last) this.#next.set(batch.partition, last.offset + 1);
    }
  }

  /** The follower has lost it and will begin again. */
  failed(): void {
    this.#isFollowed = false;
  }

  /** `older`: the log ends before what was read of it. `away`: it does not answer, or nobody follows it. */
  async look(): Promise<'sound' | 'older' | 'away'> {
    const read = new Map(this.#next);
    const ends = await this.#log.end(this.#topic).catch(() => undefined);
    if (!ends) return 'away';
    const isOlder = ends.some(({ partition, offset }) => offset < (read.get(partition) ?? 0));
    if (isOlder) return 'older';
    return this.#isFollowed ? 'sound' : 'away';
  }
}

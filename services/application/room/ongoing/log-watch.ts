import type { Batch, EventLog, Position, Topic } from '@gala/lib/eventlog';

/** A log as one follower reads it, which can tell whether it is still the same log. */
export class LogWatch implements Pick<EventLog, 'end' | 'follow'> {
  readonly #log: Pick<EventLog, 'end' | 'follow'>;
  readonly #topic: Topic;
  readonly #next = new Map<number, number>();
  /** It has been looked at, and was the log that was read. */
  wasSound = false;
  /** Why it did not answer. */
  failure: unknown;

  constructor(log: Pick<EventLog, 'end' | 'follow'>, topic: Topic) {
    this.#log = log;
    this.#topic = topic;
  }

  end(topic: Topic): Promise<Position[]> {
    return this.#log.end(topic);
  }

  async *follow(topic: Topic, from: readonly Position[], signal: AbortSignal): AsyncGenerator<Batch> {
    for (const { partition, offset } of from) this.#next.set(partition, offset);
    for await (const batch of this.#log.follow(topic, from, signal)) {
      yield batch;
      const last = batch.records.at(-1);
      if (last) this.#next.set(batch.partition, last.offset + 1);
    }
  }

  /** `older`: the log ends before what was read of it. `away`: it does not answer. */
  async look(): Promise<'sound' | 'older' | 'away'> {
    const read = new Map(this.#next);
    const ends = await this.#log.end(this.#topic).catch((error: unknown) => this.#fail(error));
    if (!ends) return 'away';
    const isOlder = ends.some(({ partition, offset }) => offset < (read.get(partition) ?? 0));
    if (isOlder) return 'older';
    this.wasSound = true;
    return 'sound';
  }

  #fail(error: unknown): undefined {
    this.failure = error;
  }
}

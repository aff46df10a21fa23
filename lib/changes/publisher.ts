import type { EventLog, Topic } from '../eventlog/types.ts';

/** What waits for the log; above it the database is not read. One message more may come over it. */
const pendingBytesMax = 4 * 1024 * 1024;
/** Of one append, so that no call comes near the log's own bounds. */
const appendValuesMax = 500;
const appendBytesMax = 512 * 1024;

export interface PublisherOptions {
  readonly log: EventLog;
  /** All up to the end of this commit is in the log. */
  onTaken(endLsn: number): void;
  onPressure(isFull: boolean): void;
  onFailure(error: Error): void;
}

interface Lane {
  readonly topic: Topic;
  readonly key: string;
  readonly values: Buffer[];
}

interface Pending {
  readonly lanes: Map<string, Lane>;
  bytes: number;
  /** End of the last commit that is whole in here or before; 0 for none. */
  endLsn: number;
  /** Of the first commit in here. */
  committedAtMs: number;
}

/** Brings changes into the log in order: while one round is written the next one gathers. */
export class Publisher {
  readonly #options: PublisherOptions;
  #pending: Pending = emptyPending();
  #writing: Pending | undefined;
  #isScheduled = false;
  #isOver = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** When the oldest change was committed that is not yet in the log; 0 for none. */
  get oldestMs(): number {
    return this.#writing?.committedAtMs || this.#pending.committedAtMs;
  }

  add(topic: Topic, key: string, value: Buffer): void {
    const pending = this.#pending;
    const name = `${topic.name}/${key}`;
    const lane = pending.lanes.get(name);
    if (lane) lane.values.push(value);
    else pending.lanes.set(name, { topic, key, values: [value] });
    pending.bytes += value.length;
    if (pending.bytes >= pendingBytesMax) this.#options.onPressure(true);
    this.#schedule();
  }

  commit(endLsn: number, committedAtMs: number): void {
    this.#pending.endLsn = endLsn;
    this.#pending.committedAtMs ||= committedAtMs;
    this.#schedule();
  }

  /** What waits is forgotten: the server sends it again. */
  stop(): void {
    this.#isOver = true;
    this.#pending = emptyPending();
  }

  /** What one read of the socket brings becomes one round. */
  #schedule(): void {
    if (this.#isScheduled || this.#writing) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    while (!this.#isOver && (this.#pending.bytes > 0 || this.#pending.endLsn > 0)) {
      const round = this.#pending;
      this.#pending = emptyPending();
      this.#writing = round;
      if (round.bytes >= pendingBytesMax) this.#options.onPressure(false);
      const error = await this.#write(round);
      if (this.#isOver) return;
      if (error) {
        this.stop();
        return this.#options.onFailure(error);
      }
      if (round.endLsn > 0) this.#options.onTaken(round.endLsn);
    }
    this.#writing = undefined;
  }

  async #write({ lanes }: Pending): Promise<Error | undefined> {
    const settled = await Promise.allSettled([...lanes.values()].map((lane) => this.#append(lane)));
    return settled.find((one) => one.status === 'rejected')?.reason as Error | undefined;
  }

  async #append({ topic, key, values }: Lane): Promise<void> {
    for (let start = 0; start < values.length;) {
      let end = start;
      let bytes = 0;
      while (end < values.length && end - start < appendValuesMax && bytes < appendBytesMax) {
        bytes += values[end++].length;
      }
      await this.#options.log.append(topic, key, values.slice(start, end));
      start = end;
    }
  }
}

function emptyPending(): Pending {
  return { lanes: new Map(), bytes: 0, endLsn: 0, committedAtMs: 0 };
}

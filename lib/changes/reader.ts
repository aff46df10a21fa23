import type { Clock } from '../clock/index.ts';
import { leadByLease, type Coord, type Lease } from '../coord/index.ts';
import type { EventLog } from '../eventlog/types.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Database } from '../sql/index.ts';
import { Backoff } from '../timing/index.ts';
import { ChangeEvents, showFeeds, type FeedView } from './events.ts';
import { Session, type Feed } from './session.ts';
import { endHolder, slotName } from './slot.ts';

export interface ChangeReaderOptions {
  /** Physical databases, each read by one process at a time. */
  readonly databases: readonly Database[];
  readonly coord: Coord;
  readonly log: EventLog;
  /** Tables of the shard databases; never those of the log. */
  readonly feeds: readonly Feed[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const retryMs = { initialMs: 200, maxMs: 5000 };
const lookEveryMs = 5000;
/** A session that held this long has done something: the next failure is a first one again. */
const healthyMs = 5000;
const slotBusy = '55006';

/**
 * Publishes what is committed in the shard databases to the event log, in order for each shard, at least once. Any
 * number of processes may run it: one reads each database, by lease. While the log is away nothing is lost until the
 * server's bound on kept WAL (`max_slot_wal_keep_size`); past it followers are told that changes are missing.
 */
export function startChangeReaders(options: ChangeReaderOptions): AsyncDisposable {
  const events = new ChangeEvents(options);
  const readers = options.databases.map((database) => new Reader({ ...options, database, events }));
  showFeeds(options.metrics, () => new Map(readers.map((reader) => [reader.database, reader.view()])));
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()));
    },
  };
}

interface ReaderParts extends ChangeReaderOptions {
  readonly database: Database;
  readonly events: ChangeEvents;
}

class Reader implements AsyncDisposable {
  readonly #parts: ReaderParts;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #session: Session | undefined;
  #isOwner = false;
  #lastView: FeedView['slot'];

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#done = this.#run();
  }

  get database(): string {
    return this.#parts.database.name;
  }

  view(): FeedView {
    const oldestMs = this.#session?.oldestMs ?? 0;
    const lagMs = oldestMs > 0 ? Math.max(0, this.#parts.clock.nowMs() - oldestMs) : 0;
    return { isOwner: this.#isOwner, slot: this.#isOwner ? this.#lastView : undefined, lagMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  #run(): Promise<void> {
    return leadByLease({
      coord: this.#parts.coord,
      job: `changes/${this.database}`,
      partition: 0,
      signal: this.#stop.signal,
      lead: (lease, signal) => this.#lead(lease, signal),
      onError: (error) => this.#parts.events.sessionFailed(this.database, error, true),
    });
  }

  async #lead(lease: Lease, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(retryMs);
    this.#isOwner = true;
    while (!signal.aborted) {
      const begunMs = this.#parts.clock.monotonicMs();
      const error = await this.#read(lease.fence, signal).catch((cause: unknown) => cause);
      if (signal.aborted) break;
      const heldMs = this.#parts.clock.monotonicMs() - begunMs;
      if (heldMs >= healthyMs) backoff.reset();
      const isFirst = backoff.attempts === 0;
      this.#parts.events.sessionFailed(this.database, error, isFirst);
      if (!isFirst && (error as { code?: string })?.code === slotBusy) await this.#takeSlot();
      await backoff.wait(signal).catch(() => undefined);
    }
    this.#isOwner = false;
  }

  async #read(fence: number, signal: AbortSignal): Promise<void> {
    const { database, log, feeds, events } = this.#parts;
    await using session = await Session.open({ database, log, feeds, events, fence, signal });
    this.#session = session;
    events.sessionBegun(this.database, fence);
    const looking = setInterval(() => void this.#look(session), lookEveryMs).unref();
    try {
      await this.#look(session);
      await session.over;
    } finally {
      clearInterval(looking);
      this.#session = undefined;
    }
  }

  async #look(session: Session): Promise<void> {
    // A failure here ends the session by itself: its connection is gone.
    this.#lastView = await session.readState().catch(() => this.#lastView);
  }

  /** The lease is ours, so whoever still holds the slot is stopped or cut off, and would keep it for a minute. */
  async #takeSlot(): Promise<void> {
    const client = await this.#parts.database.openClient().catch(() => undefined);
    if (!client) return;
    await slotName(client, 'changes')
      .then((slot) => endHolder(client, slot))
      .catch(() => undefined);
    await client.end().catch(() => undefined);
  }
}

import { CodedError } from '../error/index.ts';
import { eventLogErrors } from './errors.ts';
import { assertFollows, isSameOrigin, setBack } from './positions.ts';
import type { PartitionState, Reading } from './postgres-statements.ts';
import { RecentRecords } from './recent-records.ts';
import { Slots } from './slots.ts';
import type { LogRecord, Position } from './types.ts';
import { Waiters, type Waiter } from './waiters.ts';

export interface PostgresTailOptions {
  readonly readPartitions: () => Promise<PartitionState[]>;
  readonly readRecords: (positions: readonly Position[]) => Promise<Reading[]>;
  /** How long to wait for a hint before looking all the same. */
  readonly idleMs: () => number;
}

/** Between two readings while records flow: what comes meanwhile is read at once. */
const spacingMs = 4;
/** The same while the database is slow. */
const busySpacingMsMax = 100;
/** So long after the database was away readers at the end are told, too, when it came back as an older one. */
const doubtMs = 10_000;
/** Readings of those who are far behind, at once in one process; the pool is there for others, too. */
const readingsMax = 2;

/**
 * The newest records of a topic, read once for all readers of this process. While nobody waits for more it asks the
 * database nothing.
 */
export class PostgresTail implements Disposable {
  readonly #options: PostgresTailOptions;
  readonly #states = new Map<number, PartitionState>();
  readonly #recent = new Map<number, RecentRecords>();
  readonly #waiters = new Waiters();
  readonly #readings = new Slots(readingsMax);
  #turning = false;
  #hinted = false;
  #lastTurnMs = 0;
  /** What the last turn took. */
  #tookMs = 0;
  #dueMs = Infinity;
  #doubtedUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PostgresTailOptions) {
    this.#options = options;
  }

  headOf(partition: number): number | undefined {
    return this.#states.get(partition)?.head;
  }

  /** See `TopicEngine.read`. */
  async read(position: Position, signal: AbortSignal): Promise<readonly LogRecord[]> {
    while (!signal.aborted) {
      if (this.#closed) throw new CodedError(eventLogErrors, 'LOG_CLOSED');
      const recent = this.#recent.get(position.partition);
      const kept = recent?.from(position) ?? [];
      if (recent && kept.length > 0) {
        assertFollows(position, recent.before(position.offset));
        return kept;
      }
      const state = this.#states.get(position.partition);
      if (state) assertKept(position, state);
      if (state && position.offset < state.head) {
        const [reading] = await this.#readings.run(() => this.#options.readRecords([position]));
        if (reading.records.length > 0) return assertNext(position, reading);
      }
      await this.#wait(position, signal);
    }
    return [];
  }

  /** Something was appended, here or elsewhere. */
  hint(): void {
    this.#hinted = true;
    if (this.#waiters.size > 0) this.#schedule(spacingMs);
  }

  /** The database was away, and may come back as it was at an earlier time. */
  doubt(): void {
    this.#doubtedUntilMs = performance.now() + doubtMs;
    for (const recent of this.#recent.values()) recent.clear();
    if (this.#waiters.size > 0) this.#schedule(spacingMs);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) waiter.wake();
  }

  #wait(position: Position, signal: AbortSignal): Promise<void> {
    const waiting = this.#waiters.wait(position, signal);
    // What was appended while nobody waited is not known here.
    this.#schedule(this.#waiters.size === 1 || this.#hinted ? spacingMs : this.#options.idleMs());
    return waiting;
  }

  /** The next turn, `waitMs` after the last one at the latest. */
  #schedule(waitMs: number): void {
    // Half of the time at most: a database that is busy is asked less often, for more.
    const dueMs = this.#lastTurnMs + Math.max(waitMs, Math.min(2 * this.#tookMs, busySpacingMsMax));
    if (this.#turning || this.#closed || dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => void this.#turn(), Math.max(0, dueMs - performance.now())).unref();
  }

  async #turn(): Promise<void> {
    this.#turning = true;
    this.#dueMs = Infinity;
    this.#hinted = false;
    this.#lastTurnMs = performance.now();
    let waitMs = this.#options.idleMs();
    try {
      if (await this.#look()) waitMs = spacingMs;
      this.#tookMs = performance.now() - this.#lastTurnMs;
    } catch (error) {
      this.doubt();
      for (const waiter of this.#waiters) waiter.fail(error);
    }
    this.#turning = false;
    if (this.#waiters.size > 0) this.#schedule(this.#hinted ? spacingMs : waitMs);
  }

  /** True when there was something for somebody. */
  async #look(): Promise<boolean> {
    const waiting = [...this.#waiters];
    for (const state of await this.#options.readPartitions()) this.#note(state);
    this.#failBeyond(waiting);
    const isDoubted = performance.now() < this.#doubtedUntilMs;
    const looking = [...this.#waiters].filter((waiter) => isDoubted || this.#isBehind(waiter));
    const positions = this.#edgesOf(looking);
    const readings = positions.length > 0 ? await this.#options.readRecords(positions) : [];
    for (const reading of readings) this.#keep(reading);
    this.#failChanged(looking, readings);
    const behind = looking.filter((waiter) => this.#isBehind(waiter));
    for (const waiter of behind) waiter.wake();
    return behind.length > 0;
  }

  #isBehind({ partition, offset }: Position): boolean {
    const state = this.#states.get(partition);
    return state !== undefined && (offset < state.head || offset < state.start);
  }

  /** What the log has dropped is dropped here, so that all readers are told the same. */
  #note(state: PartitionState): void {
    const { partition, head, start } = state;
    this.#states.set(partition, state);
    const recent = this.#recent.get(partition);
    if ((recent?.start ?? Infinity) < start || (recent?.end ?? 0) > head) recent?.clear();
  }

  /** Who stands beyond the end has read what is not in the log any more: it was set back to an older state. */
  #failBeyond(waiters: readonly Waiter[]): void {
    for (const waiter of waiters) {
      const { partition, offset } = waiter;
      const head = this.#states.get(partition)?.head ?? Infinity;
      if (offset <= head) continue;
      const detail = `partition ${partition} ends at ${head}, before ${offset}`;
      waiter.fail(new CodedError(eventLogErrors, 'LOG_TRIMMED', { detail }));
    }
  }

  /** Those who were where is read now, after another record than is there. */
  #failChanged(waiters: readonly Waiter[], readings: readonly Reading[]): void {
    const byPartition = new Map(readings.map((reading) => [reading.partition, reading]));
    for (const waiter of waiters) {
      const reading = byPartition.get(waiter.partition);
      if (reading?.offset !== waiter.offset || isSameOrigin(waiter.after, reading.before)) continue;
      waiter.fail(setBack(waiter));
    }
  }

  /** Where reading for all goes on: after what is kept, unless the foremost of those who wait is beyond it. */
  #edgesOf(waiters: readonly Position[]): Position[] {
    const foremost = new Map<number, number>();
    for (const { partition, offset } of waiters)
      foremost.set(partition, Math.max(offset, foremost.get(partition) ?? 0));
    const edges: Position[] = [];
    for (const [partition, offset] of foremost) {
      const recent = this.#recent.get(partition);
      const end = recent?.end ?? 0;
      if (offset > end) recent?.clear();
      // Who stands before what is kept is far behind, and reads alone.
      if (offset >= end && offset <= (this.#states.get(partition)?.head ?? -1))
        edges.push({ partition, offset });
    }
    return edges;
  }

  #keep({ partition, records, before }: Reading): void {
    if (records.length === 0) return;
    const recent = this.#recent.get(partition) ?? new RecentRecords();
    this.#recent.set(partition, recent);
    const { offset } = records[0];
    // A gap is where the oldest was dropped meanwhile.
    const follows = recent.end === offset && isSameOrigin(recent.before(offset), before);
    if (!follows) recent.clear(before);
    recent.add(records);
  }
}

/** Errors: LOG_TRIMMED. */
function assertKept({ partition, offset }: Position, { start }: PartitionState): void {
  if (offset >= start) return;
  const detail = `partition ${partition} begins at ${start}, not ${offset}`;
  throw new CodedError(eventLogErrors, 'LOG_TRIMMED', { detail });
}

/** Offsets have no gaps: a later one means that what was wanted is gone. */
function assertNext(position: Position, { before, records }: Reading): readonly LogRecord[] {
  assertFollows(position, before);
  assertKept(position, { partition: position.partition, head: 0, start: records[0].offset });
  return records;
}

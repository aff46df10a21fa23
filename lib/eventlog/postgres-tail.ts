import { CodedError } from '../error/index.ts';
import { eventLogErrors } from './errors.ts';
import type { PartitionState } from './postgres-statements.ts';
import { RecentRecords } from './recent-records.ts';
import { Slots } from './slots.ts';
import type { LogRecord, Position } from './types.ts';
import { Waiters, type Waiter } from './waiters.ts';

export interface PostgresTailOptions {
  readonly readPartitions: () => Promise<PartitionState[]>;
  readonly readRecords: (positions: readonly Position[]) => Promise<LogRecord[]>;
  /** How long to wait for a hint before looking all the same. */
  readonly idleMs: () => number;
}

/** Between two readings while records flow: what comes meanwhile is read at once. */
const spacingMs = 4;
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
  #dueMs = Infinity;
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
      const kept = this.#recent.get(position.partition)?.from(position) ?? [];
      if (kept.length > 0) return kept;
      const state = this.#states.get(position.partition);
      if (state) assertKept(position, state);
      if (state && position.offset < state.head) {
        const records = await this.#readings.run(() => this.#options.readRecords([position]));
        if (records.length > 0) return assertNext(position, records);
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
    const dueMs = this.#lastTurnMs + waitMs;
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
    } catch (error) {
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
    const behind = [...this.#waiters].filter(({ partition, offset }) => {
      const state = this.#states.get(partition);
      return state !== undefined && (offset < state.head || offset < state.start);
    });
    if (behind.length === 0) return false;
    const positions = this.#edgesOf(behind);
    if (positions.length > 0) this.#keep(await this.#options.readRecords(positions));
    for (const waiter of behind) waiter.wake();
    return true;
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
      if (offset >= end && offset < this.#states.get(partition)!.head) edges.push({ partition, offset });
    }
    return edges;
  }

  #keep(records: readonly LogRecord[]): void {
    for (const [partition, all] of Map.groupBy(records, (record) => record.partition)) {
      const recent = this.#recent.get(partition) ?? new RecentRecords();
      this.#recent.set(partition, recent);
      // A gap is where the oldest was dropped meanwhile.
      if (recent.end !== undefined && recent.end !== all[0].offset) recent.clear();
      recent.add(all);
    }
  }
}

/** Errors: LOG_TRIMMED. */
function assertKept({ partition, offset }: Position, { start }: PartitionState): void {
  if (offset >= start) return;
  const detail = `partition ${partition} begins at ${start}, not ${offset}`;
  throw new CodedError(eventLogErrors, 'LOG_TRIMMED', { detail });
}

/** Offsets have no gaps: a later one means that what was wanted is gone. */
function assertNext(position: Position, records: LogRecord[]): LogRecord[] {
  assertKept(position, { partition: position.partition, head: 0, start: records[0].offset });
  return records;
}

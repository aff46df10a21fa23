import { CodedError } from '../error/index.ts';
import { eventLogErrors } from './errors.ts';
import { batchBytesMax, batchRecordsMax } from './limits.ts';
import type { PartitionState } from './postgres-statements.ts';
import type { LogRecord, Position } from './types.ts';

export interface TailOptions {
  readonly readPartitions: () => Promise<PartitionState[]>;
  readonly readRecords: (positions: readonly Position[]) => Promise<LogRecord[]>;
  /** How long to wait for a hint before looking all the same. */
  readonly idleMs: () => number;
}

/** Between two readings while records flow: what comes meanwhile is read at once. */
const spacingMs = 4;
/** What is kept of a partition for those who are a little behind. */
const keptRecordsMax = 4 * batchRecordsMax;
const keptBytesMax = 2 * batchBytesMax;
/** Readings of those who are far behind, at once in one process; the pool is there for others, too. */
const readingsMax = 2;

interface Recent {
  records: LogRecord[];
  bytes: number;
}

interface Waiter extends Position {
  wake(): void;
  fail(error: unknown): void;
}

/**
 * The newest records of a topic, read once for all readers of this process. While nobody waits for more it asks the
 * database nothing.
 */
export class Tail implements Disposable {
  readonly #options: TailOptions;
  readonly #states = new Map<number, PartitionState>();
  readonly #recent = new Map<number, Recent>();
  readonly #waiters = new Set<Waiter>();
  readonly #readings = new Slots(readingsMax);
  #turning = false;
  #hinted = false;
  #lastTurnMs = 0;
  #dueMs = Infinity;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  headOf(partition: number): number | undefined {
    return this.#states.get(partition)?.head;
  }

  /** See `TopicEngine.read`. */
  async read(position: Position, signal: AbortSignal): Promise<readonly LogRecord[]> {
    while (!signal.aborted) {
      if (this.#closed) throw new CodedError(eventLogErrors, 'LOG_CLOSED');
      const kept = this.#kept(position);
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

  #kept({ partition, offset }: Position): readonly LogRecord[] {
    const records = this.#recent.get(partition)?.records ?? [];
    const index = records.length > 0 ? offset - records[0].offset : -1;
    return index < 0 ? [] : records.slice(index);
  }

  #wait({ partition, offset }: Position, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', wake);
        settle();
      };
      const wake = (): void => end(resolve);
      const waiter: Waiter = { partition, offset, wake, fail: (error) => end(() => reject(error)) };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) return wake();
      // What was appended while nobody waited is not known here.
      this.#schedule(this.#waiters.size === 1 || this.#hinted ? spacingMs : this.#options.idleMs());
    });
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
    const records = this.#recent.get(partition)?.records ?? [];
    const isWrong = records.length > 0 && (records[0].offset < start || records.at(-1)!.offset >= head);
    if (isWrong) this.#recent.delete(partition);
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
  #edgesOf(waiters: readonly Waiter[]): Position[] {
    const foremost = new Map<number, number>();
    for (const { partition, offset } of waiters)
      foremost.set(partition, Math.max(offset, foremost.get(partition) ?? 0));
    const edges: Position[] = [];
    for (const [partition, offset] of foremost) {
      const last = this.#recent.get(partition)?.records.at(-1)?.offset ?? -Infinity;
      if (offset > last + 1) this.#recent.delete(partition);
      // Who stands before what is kept is far behind, and reads alone.
      if (offset >= last + 1 && offset < this.#states.get(partition)!.head) edges.push({ partition, offset });
    }
    return edges;
  }

  #keep(records: readonly LogRecord[]): void {
    for (const record of records) {
      const recent = this.#recent.get(record.partition) ?? { records: [], bytes: 0 };
      this.#recent.set(record.partition, recent);
      const end = recent.records.at(-1)?.offset;
      // A gap is where the oldest was dropped meanwhile.
      if (end !== undefined && end + 1 !== record.offset) Object.assign(recent, { records: [], bytes: 0 });
      recent.records.push(record);
      recent.bytes += record.value.length;
    }
    for (const recent of this.#recent.values()) trim(recent);
  }
}

function trim(recent: Recent): void {
  let count = Math.max(0, recent.records.length - keptRecordsMax);
  for (const { value } of recent.records.slice(0, count)) recent.bytes -= value.length;
  while (recent.bytes > keptBytesMax) recent.bytes -= recent.records[count++].value.length;
  if (count > 0) recent.records = recent.records.slice(count);
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

/** At most so many at once; the others wait in turn. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

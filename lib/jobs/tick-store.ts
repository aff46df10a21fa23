import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock/index.ts';
import type { Database } from '../sql/index.ts';
import { DatabaseTime } from './database-time.ts';
import {
  endTicks,
  openTicks,
  type OpenedTick,
  type TickEnd,
  type TickKey,
  type TickOpening,
} from './tick-statements.ts';

const gatherMs = 10;
const lockedRetryMs = 100;

interface Waiting {
  readonly opening: TickOpening;
  readonly signal: AbortSignal;
  readonly resolve: (tick: number) => void;
  readonly reject: (error: unknown) => void;
}

interface Ended {
  readonly end: TickEnd;
  /** The partition has got another worker. */
  readonly lost: () => void;
}

export interface TickStoreParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly processId: string;
  onFailure(error: unknown): void;
}

/**
 * What a process says to the database of its ticks, at most one statement of each kind at a time for all its
 * partitions. What ended is noted once a partition (the newest), so what waits is bounded by the partitions.
 */
export class TickStore {
  readonly time: DatabaseTime;
  readonly #parts: TickStoreParts;
  #waiting: Waiting[] = [];
  #ended = new Map<string, Ended>();
  #isOpening = false;
  #ending: Promise<void> | undefined;

  constructor(parts: TickStoreParts) {
    this.#parts = parts;
    this.time = new DatabaseTime(parts.clock);
  }

  /**
   * The last tick made of a partition, from which on its former workers are shut out. Waits while one of them has
   * an effect under way. Errors: the reason of `signal`, those of lib/sql.
   */
  open(opening: TickOpening, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting.push({ opening, signal, resolve, reject });
    if (!this.#isOpening) void this.#openAll();
    return promise.finally(() => signal.removeEventListener('abort', giveUp));
  }

  /** Notes the end of a tick, soon. */
  end(ended: Ended): void {
    const name = nameOf(ended.end);
    const before = this.#ended.get(name);
    this.#ended.set(name, before ? merged(before, ended) : ended);
    this.#ending ??= this.#endAll().finally(() => (this.#ending = undefined));
  }

  /** All that has ended is noted, or the database is away. */
  async settled(): Promise<void> {
    await this.#ending;
  }

  async #openAll(): Promise<void> {
    this.#isOpening = true;
    await sleep(gatherMs);
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting.filter(({ signal }) => !signal.aborted);
      this.#waiting = [];
      if (waiting.length === 0) break;
      const opened = await this.#open(waiting).catch((error: unknown) => error);
      if (!(opened instanceof Map)) {
        for (const one of waiting) one.reject(opened);
        continue;
      }
      const locked: Waiting[] = [];
      for (const one of waiting) {
        const tick = opened.get(nameOf(one.opening));
        if (tick === undefined) locked.push(one);
        else one.resolve(tick);
      }
      this.#waiting.push(...locked);
      if (locked.length > 0) await sleep(lockedRetryMs);
    }
    this.#isOpening = false;
  }

  async #open(waiting: readonly Waiting[]): Promise<Map<string, number>> {
    const { database, processId } = this.#parts;
    const sentMs = this.#parts.clock.monotonicMs();
    const openings = waiting.map(({ opening }) => opening);
    const rows = await openTicks(database.pool, processId, openings);
    this.#heard(rows, sentMs);
    return new Map(rows.map((row) => [nameOf(row), row.tick]));
  }

  async #endAll(): Promise<void> {
    await sleep(gatherMs);
    while (this.#ended.size > 0) {
      const ended = this.#ended;
      this.#ended = new Map();
      await this.#end([...ended.values()]).catch((error: unknown) => this.#parts.onFailure(error));
      await sleep(gatherMs);
    }
  }

  async #end(ended: readonly Ended[]): Promise<void> {
    const sentMs = this.#parts.clock.monotonicMs();
    const rows = await endTicks(
      this.#parts.database.pool,
      ended.map(({ end }) => end),
    );
    this.#heard(rows, sentMs);
    const noted = new Set(rows.map(nameOf));
    for (const { end, lost } of ended) if (!noted.has(nameOf(end))) lost();
  }

  #heard(rows: readonly OpenedTick[], sentMs: number): void {
    if (rows.length > 0) this.time.heard(rows[0].nowMs, sentMs);
  }
}

function nameOf({ job, partition }: TickKey): string {
  return `${partition} ${job}`;
}

function merged(before: Ended, after: Ended): Ended {
  const { errorCode, errorMessage, skipped } = before.end;
  const failed = after.end.errorCode === '' ? { errorCode, errorMessage } : {};
  return { lost: after.lost, end: { ...after.end, ...failed, skipped: skipped + after.end.skipped } };
}

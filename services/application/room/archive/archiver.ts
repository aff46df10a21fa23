import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@gala/lib/clock';
import { leadByLease, type Coord } from '@gala/lib/coord';
import { Backoff } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { Database, Sql } from '@gala/lib/sql';
import type { RoomConfig } from '../config.ts';
import type { Room } from '../room.ts';
import { confirmRooms, copyRooms, countGap, listGap } from '../store/archive.ts';
import { weekOf } from '../store/weeks.ts';
import { ArchiveEvents, showGaps, type Gap } from './events.ts';
import { Weeks } from './weeks.ts';

export interface ArchiverParts {
  readonly sql: Sql;
  readonly coord: Coord;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const retryMs = { initialMs: 200, maxMs: 5000 };
const countEveryMs = 10_000;
/** More rooms than this that wait are shown as so many. */
const countMax = 1_000_000;

/**
 * Takes ended rooms from the shard databases into the newest archive: copied, read back there, and only then confirmed
 * in the shard, which puts the row into the present week. Any number of processes may run it: one works on each
 * database, by lease. Nothing hangs on that for safety: a copy is made once whoever makes it, and a confirmation counts
 * only for the row as it was copied, so one that comes late does no harm.
 */
export class Archiver implements AsyncDisposable {
  readonly #parts: ArchiverParts;
  readonly #events: ArchiveEvents;
  readonly #weeks: Weeks;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  readonly #gaps = new Map<string, Gap>();
  readonly #countedAtMs = new Map<string, number>();

  constructor(parts: ArchiverParts) {
    this.#parts = parts;
    this.#events = new ArchiveEvents(parts);
    this.#weeks = new Weeks({ ...parts, events: this.#events });
    showGaps(parts.metrics, { read: () => this.#gaps, nowMs: () => parts.clock.nowMs() });
    this.#done = Promise.all(parts.sql.shards().map((database, index) => this.#run(database, index)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  #run(database: Database, partition: number): Promise<void> {
    return leadByLease({
      coord: this.#parts.coord,
      job: 'room/archiver',
      partition,
      signal: this.#stop.signal,
      lead: (_, signal) => this.#lead(database, signal),
      onError: (error) => this.#events.roundFailed(database.name, error),
    });
  }

  async #lead(database: Database, signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([this.#archive(database, signal), this.#keepWeeks(database, signal)]);
    } finally {
      this.#gaps.delete(database.name);
    }
  }

  async #archive(database: Database, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      try {
        await this.#weeks.make(database);
        await this.#drain(database, signal);
        this.#events.roundDone(database.name);
        backoff.reset();
        await delay(this.#parts.config.archiveEveryMs, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#events.roundFailed(database.name, error);
        await this.#look(database).catch(() => undefined);
        await backoff.wait(signal).catch(() => undefined);
      }
    }
  }

  /** Apart from the rounds: looking through a week takes its time, and an older archive that is down holds up nothing. */
  async #keepWeeks(database: Database, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#weeks.drop(database, signal);
      } catch (error) {
        if (!signal.aborted) this.#events.weeksFailed(database.name, error);
      }
      await delay(this.#parts.config.weeksEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Rounds, one after the other, for as long as each is full. */
  async #drain(database: Database, signal: AbortSignal): Promise<void> {
    const { archiveBatchMax } = this.#parts.config;
    let rooms = archiveBatchMax;
    while (rooms === archiveBatchMax && !signal.aborted) {
      rooms = await this.#round(database);
      if (rooms === archiveBatchMax) await this.#look(database);
    }
  }

  /** Answers how many rooms it took on. */
  async #round(database: Database): Promise<number> {
    const { clock, config, sql } = this.#parts;
    const nowMs = clock.nowMs();
    const asked = { endedBeforeMs: nowMs - config.archiveSettleMs, limit: config.archiveBatchMax };
    const rooms = await listGap(database.pool, asked);
    this.#note(database, rooms);
    if (rooms.length === 0) return 0;
    const versions = await copyRooms(sql.archives().at(-1)!.pool, rooms);
    const [copied, differing] = partition(rooms, (room) => versions.get(room.roomId) === room.version);
    if (differing.length > 0) {
      this.#events.roomsDiffer(
        database.name,
        differing.map(({ roomId }) => roomId),
      );
    }
    this.#events.counters.roomsArchived += await confirmRooms(database.pool, copied, weekOf(nowMs));
    // Those that differ stay, and would fill every batch: what waits behind them is for the next round.
    return differing.length > 0 ? 0 : rooms.length;
  }

  /** The oldest is exact, the number of a full batch comes from the count. */
  #note({ name }: Database, rooms: readonly Room[]): void {
    const oldestEndedAtMs = rooms[0]?.endedAtMs ?? 0;
    const isFull = rooms.length === this.#parts.config.archiveBatchMax;
    const counted = isFull ? (this.#gaps.get(name)?.rooms ?? 0) : 0;
    this.#gaps.set(name, { rooms: Math.max(counted, rooms.length), oldestEndedAtMs });
  }

  async #look({ name, pool }: Database): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - (this.#countedAtMs.get(name) ?? -Infinity) < countEveryMs) return;
    this.#countedAtMs.set(name, nowMs);
    const rooms = await countGap(pool, countMax);
    this.#gaps.set(name, { rooms, oldestEndedAtMs: this.#gaps.get(name)?.oldestEndedAtMs ?? 0 });
  }
}

function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

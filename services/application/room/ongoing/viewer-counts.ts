import type { Clock } from '@gala/lib/clock';
import type { Database, Sql } from '@gala/lib/sql';
import { within } from '@gala/lib/timing';
import type { RoomConfig } from '../config.ts';
import { scanViewers } from '../store/ongoing.ts';
import type { OngoingRooms } from './ongoing-rooms.ts';

export interface ViewerCountsParts {
  readonly sql: Sql;
  readonly ongoing: OngoingRooms;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'liveListTtlMs'>;
}

/** Reading the counts of a database takes at most one part in this many of the time. */
const restShare = 10;
/** Whoever asks for a list waits no longer than this for counts that are newer than those that are known. */
const waitMsMax = 250;

interface Counted {
  dueAtMs: number;
  /** Resolves to the error, undefined when there was none. */
  reading: Promise<unknown> | undefined;
  isKnown: boolean;
}

/** The viewers of the rooms on air, read when somebody asks for a list and not before. */
export class ViewerCounts {
  readonly #parts: ViewerCountsParts;
  readonly #databases = new Map<string, Counted>();

  constructor(parts: ViewerCountsParts) {
    this.#parts = parts;
  }

  /** Reads those that are old. Answers the error when no database could be read; the counts are then as they were. */
  async refresh(): Promise<unknown> {
    const databases = this.#parts.sql.shards();
    const errors = await Promise.all(databases.map((database) => this.#refreshOne(database)));
    return errors.every((error) => error !== undefined) ? errors[0] : undefined;
  }

  async #refreshOne(database: Database): Promise<unknown> {
    const counted = this.#countedOf(database.name);
    if (!counted.reading && this.#parts.clock.monotonicMs() < counted.dueAtMs) return undefined;
    counted.reading ??= this.#read(database, counted).finally(() => (counted.reading = undefined));
    if (!counted.isKnown) return counted.reading;
    return within(waitMsMax, counted.reading, () => undefined);
  }

  #countedOf(name: string): Counted {
    const known = this.#databases.get(name);
    if (known) return known;
    const counted = { dueAtMs: -Infinity, reading: undefined, isKnown: false };
    this.#databases.set(name, counted);
    return counted;
  }

  async #read(database: Database, counted: Counted): Promise<unknown> {
    const { ongoing, clock, config } = this.#parts;
    const startMs = clock.monotonicMs();
    try {
      await scanViewers(database, (roomId, viewers) => ongoing.setViewers(roomId, viewers));
    } catch (error) {
      return error ?? new Error('the counts cannot be read');
    }
    const nowMs = clock.monotonicMs();
    counted.isKnown = true;
    counted.dueAtMs = startMs + Math.max(config.liveListTtlMs, restShare * (nowMs - startMs));
    return undefined;
  }
}

import { shardOfRoom } from '@gala/protocol/ids';
import type { Clock } from '@gala/lib/clock';
import type { Database, Sql } from '@gala/lib/sql';
import type { RoomConfig } from '../config.ts';
import type { Room } from '../room.ts';
import { copyRooms, findArchivedVersions } from '../store/archive.ts';
import type { Connection } from '../store/connection.ts';
import { dropWeek, endOfWeekMs, listOfWeek, listWeeks, makeWeek, weekOf } from '../store/weeks.ts';
import type { ArchiveEvents } from './events.ts';

export interface WeeksParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'hotDays'>;
  readonly events: ArchiveEvents;
}

const dayMs = 86_400_000;
/** Made ahead, so that weeks are there also while nobody makes any. */
const weeksAhead = 2;
/** Of the transaction that drops a week, which counts its rows. */
const dropMsMax = 60_000;
const roomsPerCheck = 2000;

/** Makes the weeks into which archived rooms go, and drops those whose hot window is over. */
export class Weeks {
  readonly #parts: WeeksParts;
  /** By database: the week until which they are there. */
  readonly #madeUntil = new Map<string, number>();

  constructor(parts: WeeksParts) {
    this.#parts = parts;
  }

  /** Makes those that are not there, this week's and the next ones. */
  async make(database: Database): Promise<void> {
    const first = weekOf(this.#parts.clock.nowMs());
    const last = first + weeksAhead;
    if ((this.#madeUntil.get(database.name) ?? 0) >= last) return;
    const weeks = await listWeeks(database.pool);
    for (let week = first; week <= last; week++) {
      if (!weeks.includes(week)) await this.#make(database, week);
    }
    this.#madeUntil.set(database.name, last);
  }

  /** Drops those that are over. Errors: those of the databases and archives. */
  async drop(database: Database, signal: AbortSignal): Promise<void> {
    const weeks = await listWeeks(database.pool);
    for (const week of weeks) {
      if (this.#isOver(week) && !signal.aborted) await this.#drop(database, week, signal);
    }
  }

  /** Its last room went there so long ago. */
  #isOver(week: number): boolean {
    const { clock, config } = this.#parts;
    return endOfWeekMs(week) + config.hotDays * dayMs <= clock.nowMs();
  }

  async #make(database: Database, week: number): Promise<void> {
    await inTransaction(database, (client) => makeWeek(client, week));
    this.#parts.events.weekMade(database.name, week);
  }

  /**
   * Rows go only when each of them was seen in an archive just before. What an archive has lost since, by a restore
   * from an older state, is copied again, and the week stays for another look.
   */
  async #drop(database: Database, week: number, signal: AbortSignal): Promise<void> {
    const { events } = this.#parts;
    const seen = await this.#lookThrough(database, week, signal);
    if (seen === undefined) return;
    const isDropped = await inTransaction(database, (client) => dropWeek(client, week, seen)).catch(
      (error: { code?: string }) => {
        if (error.code !== lockNotAvailable) throw error;
        return false;
      },
    );
    if (isDropped) events.weekDropped(database.name, week, seen);
  }

  /** How many rooms the week has; undefined when some of them were missing, or the lease went. */
  async #lookThrough(database: Database, week: number, signal: AbortSignal): Promise<number | undefined> {
    let after: readonly [number, number] = [-1, 0];
    let seen = 0;
    let missing = 0;
    for (;;) {
      const rooms = await listOfWeek(database.pool, week, { after, limit: roomsPerCheck });
      if (signal.aborted) return undefined;
      missing += await this.#copyMissing(rooms);
      seen += rooms.length;
      if (rooms.length < roomsPerCheck) break;
      const { roomId } = rooms.at(-1)!;
      after = [shardOfRoom(roomId), roomId];
    }
    if (missing > 0) this.#parts.events.roomsMissing(database.name, week, missing);
    return missing > 0 ? undefined : seen;
  }

  async #copyMissing(rooms: readonly Room[]): Promise<number> {
    if (rooms.length === 0) return 0;
    const archives = this.#parts.sql.archives();
    const roomIds = rooms.map(({ roomId }) => roomId);
    const found = await Promise.all(archives.map(({ pool }) => findArchivedVersions(pool, roomIds)));
    const missing = rooms.filter(({ roomId }) => !found.some((versions) => versions.has(roomId)));
    if (missing.length > 0) await copyRooms(archives.at(-1)!.pool, missing);
    return missing.length;
  }
}

const lockNotAvailable = '55P03';

async function inTransaction<Result>(
  database: Database,
  work: (client: Connection) => Promise<Result>,
): Promise<Result> {
  const client = await database.openClient(dropMsMax);
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } finally {
    await client.end().catch(() => undefined);
  }
}

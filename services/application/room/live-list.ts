import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Metrics } from '@gala/lib/metrics';
import type { Database, Sql } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import { roomIdMax } from '@gala/protocol/ids';
import type { RoomConfig } from './config.ts';
import type { Room } from './room.ts';
import { countLive, listLive, type ListPlace } from './store/live.ts';

const limitMax = 100;
const pagesMax = 512;
const top: ListPlace = { viewers: 2 ** 31 - 1, roomId: roomIdMax };
const cursorPattern = /^(?<viewers>[0-9]{1,10})\.(?<roomId>[0-9]{1,16})$/;

export interface LiveListParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly metrics: Metrics;
}

export interface LivePage {
  readonly rooms: readonly Room[];
  /** Empty on the last page. */
  readonly nextCursor: string;
  readonly total: number;
}

/**
 * Public rooms on air, most viewers first: each database gives its own best `limit + 1`, kept for a
 * moment, and they are merged. A dead database hides only its own rooms, and those only when its last
 * answer has become too old.
 */
export class LiveList {
  readonly #sql: Sql;
  readonly #pages: LoadingCache<string, Room[]>;
  readonly #counts: LoadingCache<string, number>;

  constructor({ sql, clock, config, metrics }: LiveListParts) {
    this.#sql = sql;
    const options = (name: string) => ({
      clock,
      entriesMax: pagesMax,
      ttlMs: config.liveListTtlMs,
      staleMsMax: config.staleMsMax,
      counters: metrics.counters(`room_live_${name}_cache`, loadingCacheCounterNames),
    });
    this.#pages = new LoadingCache(options('page'));
    this.#counts = new LoadingCache(options('count'));
  }

  /** @throws CodedError INVALID_REQUEST for a foreign cursor, or the error of the databases when all are down */
  async list(asked: { readonly limit: number; readonly cursor: string }): Promise<LivePage> {
    const limit = Math.min(Math.max(asked.limit || limitMax, 1), limitMax);
    const after = asked.cursor === '' ? top : parseCursor(asked.cursor);
    const [pages, counts] = await Promise.all([
      this.#scatter((database) => this.#page(database, after, limit)),
      this.#scatter((database) => this.#counts.get(database.name, () => countLive(database.pool))),
    ]);
    const found = pages.flat().sort(byRank);
    const rooms = found.slice(0, limit);
    const last = rooms.at(-1);
    const nextCursor = last && found.length > limit ? formatCursor(last) : '';
    return { rooms, nextCursor, total: counts.reduce((sum, count) => sum + count, 0) };
  }

  #page(database: Database, after: ListPlace, limit: number): Promise<Room[]> {
    const key = `${database.name}/${limit}/${formatCursor(after)}`;
    return this.#pages.get(key, () => listLive(database.pool, after, limit + 1));
  }

  /** As wide as there are databases; each pool bounds what runs on its own. */
  async #scatter<Answer>(ask: (database: Database) => Promise<Answer>): Promise<Answer[]> {
    const settled = await Promise.allSettled(this.#sql.shards().map(ask));
    const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed && answers.length === 0) throw failed.reason;
    return answers;
  }
}

function byRank(a: Room, b: Room): number {
  return b.viewers - a.viewers || b.roomId - a.roomId;
}

function formatCursor({ viewers, roomId }: ListPlace): string {
  return Buffer.from(`${viewers}.${roomId}`).toString('base64url');
}

function parseCursor(text: string): ListPlace {
  const parts = cursorPattern.exec(Buffer.from(text, 'base64url').toString('latin1'))?.groups;
  const place = { viewers: Number(parts?.viewers), roomId: Number(parts?.roomId) };
  const isPlace = place.viewers <= top.viewers && place.roomId <= top.roomId;
  if (!isPlace) throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'cursor' });
  return place;
}

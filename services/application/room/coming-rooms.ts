import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import type { Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import type { Room } from './room.ts';
import { listComing } from './store/live.ts';

const roomsMax = 100;
const ttlMs = 1000;
const staleMsMax = 30_000;
/** A host may be a little late: his room stays in the list meanwhile. */
const lateMsMax = 900_000;

export interface ComingRoomsParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Public rooms that have a time to begin, the soonest first; of all databases that answer, a moment old. */
export class ComingRooms {
  readonly #parts: ComingRoomsParts;
  readonly #cache: LoadingCache<'coming', readonly Room[]>;

  constructor(parts: ComingRoomsParts) {
    this.#parts = parts;
    const counters = parts.metrics.counters('room_coming_cache', loadingCacheCounterNames);
    this.#cache = new LoadingCache({ clock: parts.clock, entriesMax: 1, ttlMs, staleMsMax, counters });
  }

  /** @throws CodedError of the databases when all are down */
  async list(limit: number): Promise<readonly Room[]> {
    const rooms = await this.#cache.get('coming', () => this.#read());
    return rooms.slice(0, Math.min(limit || roomsMax, roomsMax));
  }

  async #read(): Promise<readonly Room[]> {
    const { sql, clock } = this.#parts;
    const afterMs = clock.nowMs() - lateMsMax;
    const settled = await Promise.allSettled(
      sql.shards().map(({ pool }) => listComing(pool, afterMs, roomsMax)),
    );
    const failed = settled.find((one) => one.status === 'rejected');
    const read = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (failed && read.length === 0) throw failed.reason;
    // A shard that moves is in two databases for a moment.
    const rooms = new Map(read.flat().map((room) => [room.roomId, room]));
    const sorted = [...rooms.values()].sort((a, b) => a.startsAtMs - b.startsAtMs || a.roomId - b.roomId);
    return sorted.slice(0, roomsMax);
  }
}

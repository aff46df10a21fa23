import type { Caches, TieredCache } from '@gala/lib/cache';
import type { RoomConfig } from '../config.ts';
import type { RowSource } from '../reader/db-reader.ts';
import type { Room } from '../room.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface ArchivedRoomsParts {
  readonly source: Pick<RowSource, 'archivedRoom'>;
  readonly caches: Caches;
  readonly config: Pick<RoomConfig, 'cacheEntriesMax' | 'readerAbsentMs'>;
}

/** Rooms of the archives. They never change, so they are kept for long; that one is not there may soon be wrong. */
export class ArchivedRooms {
  readonly #cache: TieredCache<Room>;

  constructor({ source, caches, config }: ArchivedRoomsParts) {
    const load = async (keys: readonly string[]) => {
      const settled = await Promise.allSettled(keys.map((key) => source.archivedRoom(Number(key))));
      return settled.map((one) => {
        if (one.status === 'rejected') return one.reason as Error;
        return { value: one.value, version: one.value?.version ?? 0 };
      });
    };
    const lasting = { ttlMs: hourMs, unheardTtlMs: hourMs, revalidateMsMax: dayMs, staleMsMax: dayMs };
    const bounds = {
      ...lasting,
      entriesMax: config.cacheEntriesMax,
      sharedTtlMs: dayMs,
      negativeTtlMs: config.readerAbsentMs,
    };
    this.#cache = caches.open<Room>({ name: 'archived-room', load, bounds });
  }

  /** Fails when it is in none of those archives that answer, and one does not. */
  get(roomId: number): Promise<Room | undefined> {
    return this.#cache.get(String(roomId));
  }
}

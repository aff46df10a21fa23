import type { Metrics } from '@gala/lib/metrics';
import type { OngoingRooms } from '../ongoing/ongoing-rooms.ts';
import type { RowSource } from '../reader/db-reader.ts';
import type { Room } from '../room.ts';
import { ArchivedRooms, type ArchivedRoomsParts } from './archived-rooms.ts';

export interface RoomFinderParts extends ArchivedRoomsParts {
  readonly source: RowSource;
  readonly ongoing: Pick<OngoingRooms, 'has'>;
  readonly metrics: Metrics;
}

const origins = [
  /** In the shard, and known to be on air. */
  'ongoing',
  'archive',
  /** In the shard, although it has ended: not archived yet, or its archive does not answer. */
  'gap',
  /** In the shard, not ended, and not known to be on air: scheduled most of the time. */
  'shard',
  'none',
] as const;
type Origin = (typeof origins)[number];

/**
 * Finds a room wherever it lies: one that is known to be on air in its shard, any other in the archives first, and in
 * the shard before it is said that there is none. What is known of rooms on air is a shortcut: right or wrong, the
 * answer is the same.
 */
export class RoomFinder {
  readonly #parts: RoomFinderParts;
  readonly #archived: ArchivedRooms;
  readonly #counts = new Map<Origin, number>(origins.map((origin) => [origin, 0]));

  constructor(parts: RoomFinderParts) {
    this.#parts = parts;
    this.#archived = new ArchivedRooms(parts);
    parts.metrics.labelledCounters({
      name: 'gala_room_reads_total',
      help: 'reads of rooms by id, by where they were found',
      labelNames: ['from'],
      read: () => [...this.#counts].map(([from, value]) => ({ labels: { from }, value })),
    });
  }

  /**
   * @param leastVersion that this process has written last; 0 for none
   * @throws CodedError UNAVAILABLE when it was not found and not everything could be asked
   */
  async find(roomId: number, leastVersion = 0): Promise<Room | undefined> {
    const { source, ongoing } = this.#parts;
    const isOnAir = ongoing.has(roomId);
    const current = isOnAir ? await source.room(roomId, leastVersion) : undefined;
    if (current) return this.#count('ongoing', current);
    const archived = await this.#archived.get(roomId).catch((error: unknown) => ({ error }));
    if (archived && !('error' in archived)) return this.#count('archive', archived);
    const room = isOnAir ? undefined : await source.room(roomId, leastVersion);
    if (room) return this.#count(room.state === 'ended' ? 'gap' : 'shard', room);
    if (archived) throw archived.error;
    return this.#count('none', undefined);
  }

  #count(origin: Origin, room: Room | undefined): Room | undefined {
    this.#counts.set(origin, this.#counts.get(origin)! + 1);
    return room;
  }
}

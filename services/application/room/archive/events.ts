import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const counterNames = [
  'roomsArchived',
  /** In the archive, but not as the shard has them. */
  'roomsDiffering',
  'roundsFailed',
  'weeksMade',
  'weeksDropped',
  'weeksFailed',
  /** Rooms of a week that was to be dropped that no archive had any more. */
  'roomsRecopied',
] as const;

/** What waits in one shard database. */
export interface Gap {
  readonly rooms: number;
  /** End of the room that has waited longest; 0 for none. */
  readonly oldestEndedAtMs: number;
}

/** What happens to ended rooms on their way into the archive and out of the shards. */
export class ArchiveEvents {
  readonly counters: Record<(typeof counterNames)[number], number>;
  readonly #log: Logger;
  readonly #failing = new Set<string>();
  readonly #differing = new Map<string, number>();

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'room', part: 'archive' });
    this.counters = metrics.counters('room_archive', counterNames);
  }

  /** One line an outage, and one at its end. */
  roundFailed(database: string, error: unknown): void {
    this.counters.roundsFailed++;
    if (this.#failing.has(database)) return;
    this.#failing.add(database);
    this.#log.warn({ database, error }, 'ended rooms wait for the archive');
  }

  roundDone(database: string): void {
    if (this.#failing.delete(database)) this.#log.info({ database }, 'ended rooms are archived again');
  }

  roomsDiffer(database: string, roomIds: readonly number[]): void {
    this.counters.roomsDiffering += roomIds.length;
    // They are met again in each round.
    if (this.#differing.get(database) === roomIds[0]) return;
    this.#differing.set(database, roomIds[0]);
    this.#log.error({ database, roomId: roomIds[0], rooms: roomIds.length }, 'archived rooms differ');
  }

  weekMade(database: string, week: number): void {
    this.counters.weeksMade++;
    this.#log.debug({ database, week }, 'week of rooms made');
  }

  weekDropped(database: string, week: number, rooms: number): void {
    this.counters.weeksDropped++;
    this.#log.info({ database, week, rooms }, 'week of archived rooms dropped');
  }

  weeksFailed(database: string, error: unknown): void {
    this.counters.weeksFailed++;
    this.#log.warn({ database, error }, 'weeks of rooms could not be looked through');
  }

  /** Such a week stays until all its rooms are in an archive again. */
  roomsMissing(database: string, week: number, rooms: number): void {
    this.counters.roomsRecopied += rooms;
    this.#log.error({ database, week, rooms }, 'archived rooms were missing and are copied again');
  }
}

/** Gauges of the gap of each database that this process archives. */
export function showGaps(
  metrics: Metrics,
  { read, nowMs }: { readonly read: () => Iterable<readonly [string, Gap]>; readonly nowMs: () => number },
): void {
  const labelled = (value: (gap: Gap) => number) => () =>
    [...read()].map(([database, gap]) => ({ labels: { database }, value: value(gap) }));
  metrics.gauges({
    name: 'gala_room_archive_gap_rooms',
    help: 'ended rooms that are in no archive yet',
    labelNames: ['database'],
    read: labelled(({ rooms }) => rooms),
  });
  metrics.gauges({
    name: 'gala_room_archive_gap_seconds',
    help: 'since the end of the room that has waited longest for the archive',
    labelNames: ['database'],
    read: labelled(({ oldestEndedAtMs }) =>
      oldestEndedAtMs === 0 ? 0 : Math.max(0, (nowMs() - oldestEndedAtMs) / 1000),
    ),
  });
}

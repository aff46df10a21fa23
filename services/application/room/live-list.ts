import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Metrics } from '@gala/lib/metrics';
import { commonErrors } from '@gala/protocol/errors';
import { roomIdMax } from '@gala/protocol/ids';
import type { RoomConfig } from './config.ts';
import type { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import type { Rank } from './ongoing/room-table.ts';
import type { ViewerCounts } from './ongoing/viewer-counts.ts';
import type { Reads } from './reads.ts';
import { isOnAir, type Room } from './room.ts';

const limitMax = 100;
const pagesMax = 512;
const top: Rank = { viewers: 2 ** 31 - 1, roomId: roomIdMax };
const cursorPattern = /^(?<viewers>[0-9]{1,10})\.(?<roomId>[0-9]{1,16})$/;

export interface LiveListParts {
  readonly ongoing: OngoingRooms;
  readonly viewerCounts: ViewerCounts;
  readonly reads: Reads;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly metrics: Metrics;
}

export interface LiveAsked {
  readonly limit: number;
  readonly cursor: string;
  /** Empty for all areas. */
  readonly areaId?: string;
}

export interface LivePage {
  readonly rooms: readonly Room[];
  /** Empty on the last page. */
  readonly nextCursor: string;
  readonly total: number;
}

/** A page of an outage is made of rows that are too old soon, so it is not kept. */
interface LoadedPage {
  readonly page: LivePage;
  readonly isFresh: boolean;
}

/**
 * Public rooms on air, most viewers first: ranked in memory by the set of rooms on air and their counts, and only the
 * rooms of the page are read. A page is kept for a moment. A dead database hides only its own rooms, and those only
 * when their last rows have become too old.
 */
export class LiveList {
  readonly #parts: LiveListParts;
  readonly #pages: LoadingCache<string, LoadedPage>;

  constructor(parts: LiveListParts) {
    this.#parts = parts;
    const { clock, config, metrics } = parts;
    this.#pages = new LoadingCache({
      clock,
      entriesMax: pagesMax,
      ttlMs: config.liveListTtlMs,
      isKept: ({ isFresh }) => isFresh,
      counters: metrics.counters('room_live_page_cache', loadingCacheCounterNames),
    });
  }

  /** @throws CodedError INVALID_REQUEST for a foreign cursor, or the error of the databases when all are down */
  async list(asked: LiveAsked): Promise<LivePage> {
    const limit = Math.min(Math.max(asked.limit || limitMax, 1), limitMax);
    const after = asked.cursor === '' ? top : parseCursor(asked.cursor);
    const areaId = asked.areaId || undefined;
    const key = `${limit}/${formatCursor(after)}/${areaId ?? ''}`;
    const { page } = await this.#pages.get(key, () => this.#page(after, limit, areaId));
    return page;
  }

  async #page(after: Rank, limit: number, areaId: string | undefined): Promise<LoadedPage> {
    const { ongoing, viewerCounts, reads } = this.#parts;
    const failure = await viewerCounts.refresh();
    if (failure !== undefined && !ongoing.isComplete) throw failure;
    const ranked = ongoing.ranked(after, limit + 1, areaId);
    const shown = ranked.slice(0, limit);
    const settled = await Promise.allSettled(shown.map(({ roomId }) => reads.room(roomId)));
    const read = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed && read.length === 0) throw failed.reason;
    const viewers = new Map(shown.map((room) => [room.roomId, room.viewers]));
    // The row is the truth: the set may not know yet that a room has ended or is private now.
    const rooms = read
      .filter((room) => room !== undefined)
      .filter((room) => isOnAir(room) && room.visibility === 'public')
      .filter((room) => areaId === undefined || room.areaId === areaId)
      .map((room) => ({ ...room, viewers: viewers.get(room.roomId)! }));
    const last = shown.at(-1);
    const nextCursor = last && ranked.length > limit ? formatCursor(last) : '';
    const total = areaId === undefined ? ongoing.publicCount : ongoing.publicCountOf(areaId);
    return { page: { rooms, nextCursor, total }, isFresh: failure === undefined };
  }
}

function formatCursor({ viewers, roomId }: Rank): string {
  return Buffer.from(`${viewers}.${roomId}`).toString('base64url');
}

function parseCursor(text: string): Rank {
  const parts = cursorPattern.exec(Buffer.from(text, 'base64url').toString('latin1'))?.groups;
  const place = { viewers: Number(parts?.viewers), roomId: Number(parts?.roomId) };
  const isPlace = place.viewers <= top.viewers && place.roomId <= top.roomId;
  if (!isPlace) throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'cursor' });
  return place;
}

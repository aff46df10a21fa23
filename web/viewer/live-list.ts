import type { Room } from '@gala/protocol/rest';
import type { CallOptions, RoomClient } from '@gala/sdk/room';

/** Rooms of a page of the list, and how many pages a reader can unfold: what is polled stays bounded. */
const roomsPerPage = 60;
export const pagesMax = 10;

export interface LiveList {
  readonly rooms: readonly Room[];
  readonly total: number;
  readonly hasMore: boolean;
}

/** The first pages of the live rooms, each room once though rooms move between pages while they are read. */
export async function listLive(
  client: RoomClient,
  { pages, areaId }: { readonly pages: number; readonly areaId: string },
  options: CallOptions,
): Promise<LiveList> {
  const rooms = new Map<number, Room>();
  let total = 0;
  let cursor: string | undefined = '';
  for (let page = 0; page < Math.min(pages, pagesMax) && cursor !== undefined; page++) {
    const answer: Awaited<ReturnType<RoomClient['listLiveRooms']>> = await client.listLiveRooms(
      { limit: roomsPerPage, cursor, ...(areaId && { areaId }) },
      options,
    );
    for (const room of answer.rooms) rooms.set(room.roomId, room);
    ({ total, nextCursor: cursor } = answer);
  }
  return { rooms: [...rooms.values()], total, hasMore: cursor !== undefined };
}

import { checkOwnRoom, ownUserId } from './access.ts';
import type { Handlers } from './call.ts';
import { restRoom } from './conversions.ts';
import { roomIdOf } from './enter.ts';
import type { Parts } from './parts.ts';
import { recordedRoom } from './replay.ts';

/** What was kept of broadcasts: for their viewers to see again, for their host to download and to remove. */
export function recordingHandlers(parts: Parts): Pick<Handlers, 'listMyRecordings' | 'deleteRecordings'> {
  return {
    listMyRecordings: async (call) => {
      const hostId = BigInt(ownUserId(await call.caller()));
      const { limit, beforeRoomId } = call.query;
      const request = { hostId, limit, beforeRoomId: BigInt(beforeRoomId) };
      const answer = await parts.room.listHostRecordings(request, call.rpc);
      const rooms = answer.rooms.map(({ room, recordings }) => {
        if (!room) throw new TypeError('the room service answered no room');
        return recordedRoom(parts, call, { room: restRoom(room), recordings });
      });
      return { body: { rooms: await Promise.all(rooms) } };
    },
    deleteRecordings: async (call) => {
      const roomId = roomIdOf(call.params.roomId);
      const { userId: by, ...caller } = await call.caller();
      checkOwnRoom({ userId: by, ...caller }, roomId);
      await parts.room.removeRecordings({ roomId: BigInt(roomId) }, call.rpc);
      parts.events.recordingsDeleted({ roomId, by });
      return { body: undefined };
    },
  };
}

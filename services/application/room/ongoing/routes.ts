import { setImmediate as nextTurn } from 'node:timers/promises';
import { CodedError } from '@gala/lib/error';
import type { Handlers } from '@gala/lib/rpc';
import { commonErrors } from '@gala/protocol/errors';
import type { RoomService } from '@gala/protocol/room';
import type { OngoingRooms } from './ongoing-rooms.ts';

const roomsPerMessage = 4096;
const partitionsMax = 65_536;

/** Partitions of the rooms on air, for the jobs of other roles. */
export function ongoingHandlers(ongoing: OngoingRooms): Pick<Handlers<typeof RoomService>, 'listOngoing'> {
  return {
    listOngoing: async function* ({ partition, of }) {
      const isPartition = of >= 1 && of <= partitionsMax && partition < of;
      if (!isPartition) throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'partition' });
      let page = emptyPage(ongoing.isComplete);
      for (const room of ongoing.partition(partition, of)) {
        page.roomIds.push(BigInt(room.roomId));
        page.epochs.push(BigInt(room.epoch));
        page.versions.push(BigInt(room.version));
        page.startedAtMs.push(BigInt(room.startedAtMs));
        if (page.roomIds.length < roomsPerMessage) continue;
        yield page;
        page = emptyPage(ongoing.isComplete);
        await nextTurn();
      }
      yield page;
    },
  };
}

function emptyPage(isComplete: boolean) {
  return {
    roomIds: [] as bigint[],
    epochs: [] as bigint[],
    versions: [] as bigint[],
    startedAtMs: [] as bigint[],
    isComplete,
  };
}

import { CodedError, hasCode } from '@gala/lib/error';
import type { Client, Rpc } from '@gala/lib/rpc';
import { commonErrors, interactionErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import { RoomService, RoomState } from '@gala/protocol/room';

/** What is known of a room when it is opened. */
export interface RoomFacts {
  readonly roomId: number;
  readonly hostId: number;
  readonly title: string;
  readonly announcement: string;
}

/** Rooms as the room service has them. */
export class RoomSource {
  readonly #rooms: Client<typeof RoomService>;

  constructor({ rpc }: { readonly rpc: Pick<Rpc, 'client'> }) {
    this.#rooms = rpc.client(RoomService);
  }

  /** Errors: ROOM_SILENT for a room that is not there or has ended, UNAVAILABLE. */
  async read(roomId: number): Promise<RoomFacts> {
    const [{ room }, announcement] = await Promise.all([
      this.#rooms.getRoom({ roomId: BigInt(roomId) }).catch(toSilent),
      this.#announcementOf(hostOfRoom(roomId)),
    ]);
    if (!room || room.state === RoomState.ENDED) throw new CodedError(interactionErrors, 'ROOM_SILENT');
    return { roomId, hostId: Number(room.hostId), title: room.title, announcement };
  }

  async #announcementOf(hostId: number): Promise<string> {
    const { host } = await this.#rooms.getHost({ hostId: BigInt(hostId) }).catch(toSilent);
    return host?.announcement ?? '';
  }
}

function toSilent(error: unknown): never {
  if (hasCode(error, 'ROOM_UNKNOWN', 'HOST_UNKNOWN')) {
    throw new CodedError(interactionErrors, 'ROOM_SILENT', { cause: error });
  }
  throw new CodedError(commonErrors, 'UNAVAILABLE', { cause: error, retryAfterSeconds: 1 });
}

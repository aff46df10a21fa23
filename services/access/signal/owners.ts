import { CodedError, hasCode } from '@gala/lib/error';
import { ringFirst, ringOrder } from '@gala/lib/ring';
import { askInTurn, type Client, type Rpc } from '@gala/lib/rpc';
import { commonErrors } from '@gala/protocol/errors';
import { InteractionService, type OpenRoomResponse } from '@gala/protocol/interaction';
import { partitionOfRoom, ringKeyOfPartition } from '@gala/protocol/signals';

/** How long an owner may take to open a room. */
const openMs = 1_500;
/** Members that are asked for a room, in the order of the ring; further ones do not own it unless all is in motion. */
const askedMax = 3;

/** True for errors that say "not here, not now", as opposed to a decision about the room. */
export function isPassing(error: unknown): boolean {
  return (
    !hasCode(error) ||
    hasCode(error, 'NOT_OWNER', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL', 'CANCELLED')
  );
}

/** Who owns which room: the ring says who should, their answers say who does. */
export class Owners {
  readonly client: Client<typeof InteractionService>;
  readonly #rpc: Rpc;
  readonly #nodeId: string;

  constructor(rpc: Rpc, nodeId: string) {
    this.#rpc = rpc;
    this.#nodeId = nodeId;
    this.client = rpc.client(InteractionService);
  }

  /** @throws CodedError UNAVAILABLE while they are not known */
  members(): Promise<readonly string[]> {
    return this.#rpc.members(InteractionService);
  }

  /** Who should own the partition. */
  expected(members: readonly string[], partition: number): string | undefined {
    return ringFirst(members, ringKeyOfPartition(partition));
  }

  /**
   * Opens a room at whoever owns it now.
   * @throws CodedError UNAVAILABLE or NOT_OWNER when none of those asked does, and what the owner decides
   */
  async open(roomId: number): Promise<{ response: OpenRoomResponse; ownerId: string }> {
    const order = ringOrder(await this.members(), ringKeyOfPartition(partitionOfRoom(roomId)));
    const request = { roomId: BigInt(roomId), node: this.#nodeId };
    const ask = async (ownerId: string) => ({
      response: await this.client.openRoom(request, { member: ownerId, timeoutMs: openMs }),
      ownerId,
    });
    const nobody = new CodedError(commonErrors, 'UNAVAILABLE', { detail: 'nobody owns rooms now' });
    return askInTurn(order.slice(0, askedMax), { ask, isPassing, nobody });
  }

  /** The room has nobody here any more; that it is not told is found out by the owner from the next delivery. */
  async close(roomId: number, ownerId: string): Promise<void> {
    const request = { roomId: BigInt(roomId), node: this.#nodeId };
    await this.client.closeRoom(request, { member: ownerId }).catch(() => undefined);
  }
}

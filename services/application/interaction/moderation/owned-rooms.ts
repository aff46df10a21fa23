import type { Rpc } from '@gala/lib/rpc';
import { SignalService } from '@gala/protocol/signal';
import { partitionOfHost } from '@gala/protocol/signals';
import { notOwner, type Partitions } from '../partitions.ts';
import type { Rooms } from '../rooms.ts';
import type { Sayings } from '../sayings.ts';
import type { Draft } from '../types.ts';
import type { ModerationEvents } from './events.ts';
import type { OwnedRooms } from './moderation.ts';

/** A node that does not answer keeps nobody waiting: what a banned user says is refused all the same. */
const kickMs = 2000;

export interface Owner {
  readonly partitions: Pick<Partitions, 'hold' | 'find'>;
  readonly rooms: Pick<Rooms, 'find' | 'open'>;
  readonly sayings: Pick<Sayings, 'publish'>;
}

/** Moderation's side of the rooms of this process. */
export function ownedRooms(owner: Owner, rpc: Rpc, events: ModerationEvents): OwnedRooms {
  const nodes = rpc.client(SignalService);
  const { partitions, rooms, sayings } = owner;
  return {
    hold: async (hostId) => {
      await partitions.hold(partitionOfHost(hostId));
    },
    assertHeld: (hostId) => {
      if (!partitions.find(partitionOfHost(hostId))) throw notOwner();
    },
    say: async (roomId: number, draft: Draft, publishId: string) => {
      await sayings.publish(await rooms.open(roomId), draft, publishId);
    },
    set: (roomId, name, value) => rooms.find(roomId)?.parts.state.set(name, value),
    kick: async (roomId, userId) => {
      const request = { roomId: BigInt(roomId), userId: BigInt(userId), device: '', code: 'BANNED' };
      const room = rooms.find(roomId);
      const members = room ? [...room.nodes.keys()] : await rpc.members(SignalService).catch(() => []);
      const kicks = members.map((member) => nodes.kick(request, { member, timeoutMs: kickMs }));
      for (const kick of await Promise.allSettled(kicks)) {
        if (kick.status === 'rejected') events.kickFailed(kick.reason);
      }
    },
  };
}

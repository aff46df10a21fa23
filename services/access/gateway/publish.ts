import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import type { GiftSignal, NoticeSignal } from '@gala/protocol/signals';
import type { Handlers } from './call.ts';
import { roomIdOf } from './enter.ts';
import type { Parts } from './parts.ts';
import { askOwner } from './room-owner.ts';

type Order = Parameters<Handlers['publishSignal']>[0]['body'];

/** What services and operators say in rooms. It is for the owner of the room to keep it and to say it once. */
export function publishHandlers(parts: Parts): Pick<Handlers, 'publishSignal'> {
  return {
    publishSignal: async ({ params, body, caller, rpc }) => {
      const roomId = roomIdOf(params.roomId);
      const { userId } = await caller();
      // Gala says things under ids of its own.
      const publishId = `rest/${body.publishId}`;
      const request = { roomId: BigInt(roomId), publishId, by: `user ${userId}`, what: whatOf(body) };
      const owner = { owners: parts.interaction, hostId: hostOfRoom(roomId) };
      const { signalId, reached } = await askOwner(owner, rpc, (interaction, options) =>
        interaction.publish(request, options),
      );
      return { body: { signalId, reached } };
    },
  };
}

function whatOf({ notice, gift, state, peer }: Order) {
  if (notice) return { case: 'signal', value: encoded(noticeOf(notice)) } as const;
  if (gift) return { case: 'signal', value: encoded(giftOf(gift)) } as const;
  if (state) return { case: 'state', value: { name: state.name, value: encoded(state.value) } } as const;
  if (!peer) throw new CodedError(protocolErrors, 'INVALID_REQUEST', { detail: 'body' });
  const signal = encoded(noticeOf(peer.notice));
  return { case: 'peer', value: { userIds: peer.userIds.map(BigInt), signal } } as const;
}

function noticeOf(notice: NonNullable<Order['notice']>): Omit<NoticeSignal, 'offset' | 'atMs'> {
  return { type: 'notice', signalId: '', ...notice };
}

function giftOf({ author, ...gift }: NonNullable<Order['gift']>): Omit<GiftSignal, 'offset' | 'atMs'> {
  return { type: 'gift', class: 'money', signalId: '', author: { ...author, role: 'viewer' }, ...gift };
}

function encoded(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

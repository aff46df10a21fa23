import type { HostMedia, ResponseOf } from '@gala/protocol/rest';
import type { HostMedia as RpcHostMedia } from '@gala/protocol/room';
import { ownUserId } from './access.ts';
import type { Call, Handlers, Reply } from './call.ts';
import { hostIdOf } from './enter.ts';
import type { Parts } from './parts.ts';

type Names = 'getMyHostMedia' | 'putMyHostMedia' | 'getHostMedia' | 'putHostMedia';
type MediaReply = Promise<Reply<ResponseOf<'getHostMedia'>>>;

/** What is done with a host's streams: read and replaced by himself, or by an operator. */
export function hostMediaHandlers(parts: Parts): Pick<Handlers, Names> {
  const read = async (call: Pick<Call, 'rpc'>, hostId: number): MediaReply => {
    const { media } = await parts.room.getHostMedia({ hostId: BigInt(hostId) }, call.rpc);
    return { body: { media: restMedia(media) } };
  };
  const put = async (call: Call<'putHostMedia' | 'putMyHostMedia'>, hostId: number): MediaReply => {
    const request = { hostId: BigInt(hostId), media: call.body };
    const { media } = await parts.room.updateHostMedia(request, call.rpc);
    const { userId: by } = await call.caller();
    parts.events.hostMediaPut({ hostId, by });
    return { body: { media: restMedia(media) } };
  };
  return {
    getMyHostMedia: async (call) => read(call, ownUserId(await call.caller())),
    putMyHostMedia: async (call) => put(call, ownUserId(await call.caller())),
    getHostMedia: async (call) => read(call, await hostIdOf(parts, call)),
    putHostMedia: async (call) => put(call, await hostIdOf(parts, call)),
  };
}

function restMedia(media: RpcHostMedia | undefined): HostMedia {
  if (!media) throw new TypeError('the room service answered no media settings');
  const { record, forwardUrls, sourceUrl } = media;
  return { record, forwardUrls, sourceUrl };
}

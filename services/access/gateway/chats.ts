import { CodedError, hasCode } from '@gala/lib/error';
import type { CallOptions, Client } from '@gala/lib/rpc';
import { protocolErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import type * as wire from '@gala/protocol/moderation';
import type { Chat, ChatSettings, ChatWordList, Follow, HeldComment, Sanction } from '@gala/protocol/rest';
import { isOperator, ownUserId } from './access.ts';
import type { Call, Handlers } from './call.ts';
import { hostIdOf, hostIdOfRef, roomIdOf } from './enter.ts';
import type { Parts } from './parts.ts';
import { askOwner } from './room-owner.ts';

type SettingsOperation = 'getChat' | 'putChat' | 'getChatWords' | 'putChatWords';
type SanctionOperation = 'listSanctions' | 'sanctionUser' | 'unsanctionUser';
type SiteOperation = 'listSiteSanctions' | 'sanctionSiteUser' | 'unsanctionSiteUser';
type ModeratorOperation = 'listModerators' | 'addModerator' | 'removeModerator';
type CommentOperation = 'listHeldComments' | 'reviewHeldComment' | 'retractComment';
type FollowOperation = 'getFollow' | 'followHost' | 'unfollowHost';
type HandlersOf<Names extends keyof Handlers> = Pick<Handlers, Names>;
type ChatOperation =
  | SettingsOperation
  | SanctionOperation
  | SiteOperation
  | ModeratorOperation
  | CommentOperation
  | FollowOperation;

/** Chats of hosts. Who may do what in them is for the interaction service to say, which knows the moderators. */
export function chatHandlers(parts: Parts): HandlersOf<ChatOperation> {
  return {
    ...settingsHandlers(parts),
    ...wordHandlers(parts),
    ...sanctionHandlers(parts),
    ...siteHandlers(parts),
    ...moderatorHandlers(parts),
    ...commentHandlers(parts),
    ...followHandlers(parts),
  };
}

function settingsHandlers(parts: Parts): HandlersOf<'getChat' | 'putChat'> {
  return {
    getChat: async (call) => {
      const hostId = await knownHost(parts, call);
      return { body: restChat(await parts.moderation.client.getChat({ hostId: BigInt(hostId) }, call.rpc)) };
    },
    putChat: async (call) => {
      const hostId = await knownHost(parts, call);
      const { settings, version: from, reason } = call.body;
      const { isClosed: closed, ...rest } = settings;
      const request = {
        settings: { ...rest, closed },
        version: BigInt(from),
        ...(await actorOf(call, reason)),
      };
      const { version } = await atOwner(parts, { rpc: call.rpc, hostId }, (owner, options) =>
        owner.putChat({ ...request, hostId: BigInt(hostId) }, options),
      );
      return { body: { settings, version: Number(version) } };
    },
  };
}

function wordHandlers(parts: Parts): HandlersOf<'getChatWords' | 'putChatWords'> {
  return {
    getChatWords: async (call) => {
      const hostId = await knownHost(parts, call);
      const request = { hostId: BigInt(hostId), ...(await actorOf(call, '')) };
      return { body: restWords(await parts.moderation.client.getWords(request, call.rpc)) };
    },
    putChatWords: async (call) => {
      const hostId = await knownHost(parts, call);
      const { words: lists, version: from, reason } = call.body;
      const words = (['refuse', 'hold', 'mask'] as const).flatMap((action) =>
        lists[action].map((word) => ({ word, action })),
      );
      const request = { words, version: BigInt(from), ...(await actorOf(call, reason)) };
      const { version } = await atOwner(parts, { rpc: call.rpc, hostId }, (owner, options) =>
        owner.putWords({ ...request, hostId: BigInt(hostId) }, options),
      );
      return { body: { version: Number(version) } };
    },
  };
}

function sanctionHandlers(parts: Parts): HandlersOf<SanctionOperation> {
  return {
    listSanctions: async (call) => ({
      body: { sanctions: await listed(parts, call, await knownHost(parts, call)) },
    }),
    sanctionUser: async (call) => {
      const [hostId, user] = await Promise.all([knownHost(parts, call), userOf(parts, call)]);
      const { seconds, removes, reason } = call.body;
      const order = { ...user, kind: call.params.sanctionKind, seconds, removes };
      const request = { ...order, hostId: BigInt(hostId), ...(await actorOf(call, reason)) };
      const { untilMs } = await atOwner(parts, { rpc: call.rpc, hostId }, (owner, options) =>
        owner.sanction(request, options),
      );
      return { body: { untilMs: Number(untilMs) } };
    },
    unsanctionUser: async (call) => {
      const [hostId, { userId }] = await Promise.all([knownHost(parts, call), userOf(parts, call)]);
      const order = { hostId: BigInt(hostId), userId, kind: call.params.sanctionKind };
      const request = { ...order, ...(await actorOf(call, call.query.reason)) };
      await atOwner(parts, { rpc: call.rpc, hostId }, (owner, options) => owner.unsanction(request, options));
      return { body: undefined };
    },
  };
}

function siteHandlers(parts: Parts): HandlersOf<SiteOperation> {
  const { client } = parts.moderation;
  return {
    listSiteSanctions: async (call) => ({ body: { sanctions: await listed(parts, call, 0) } }),
    sanctionSiteUser: async (call) => {
      const { seconds, reason } = call.body;
      const order = { ...(await userOf(parts, call)), kind: call.params.sanctionKind, seconds };
      const { untilMs } = await client.sanction({ ...order, ...(await actorOf(call, reason)) }, call.rpc);
      return { body: { untilMs: Number(untilMs) } };
    },
    unsanctionSiteUser: async (call) => {
      const { userId } = await userOf(parts, call);
      const order = { userId, kind: call.params.sanctionKind };
      await client.unsanction({ ...order, ...(await actorOf(call, call.query.reason)) }, call.rpc);
      return { body: undefined };
    },
  };
}

function moderatorHandlers(parts: Parts): HandlersOf<ModeratorOperation> {
  const set = async (call: ActingCall, moderates: boolean, reason: string) => {
    const [hostId, user] = await Promise.all([knownHost(parts, call), userOf(parts, call)]);
    const request = { ...user, hostId: BigInt(hostId), moderates, ...(await actorOf(call, reason)) };
    await atOwner(parts, { rpc: call.rpc, hostId }, (owner, options) => owner.setModerator(request, options));
    return { body: undefined };
  };
  return {
    listModerators: async (call) => {
      const request = { hostId: BigInt(await knownHost(parts, call)), ...(await actorOf(call, '')) };
      const { moderators } = await parts.moderation.client.listModerators(request, call.rpc);
      const body = moderators.map(({ userId, name, sinceMs }) => ({
        userId: Number(userId),
        name,
        sinceMs: Number(sinceMs),
      }));
      return { body: { moderators: body } };
    },
    addModerator: (call) => set(call, true, call.body.reason),
    removeModerator: (call) => set(call, false, call.query.reason),
  };
}

function commentHandlers(parts: Parts): HandlersOf<CommentOperation> {
  return {
    listHeldComments: async (call) => {
      const roomId = roomIdOf(call.params.roomId);
      const request = { roomId: BigInt(roomId), ...(await actorOf(call, '')) };
      const { comments, dropped, expired } = await atOwner(
        parts,
        { rpc: call.rpc, hostId: hostOfRoom(roomId) },
        (owner, options) => owner.listHeld(request, options),
      );
      return { body: { comments: comments.map(restHeld), dropped, expired } };
    },
    reviewHeldComment: async (call) => {
      const roomId = roomIdOf(call.params.roomId);
      const { approves, reason } = call.body;
      const { signalId } = call.params;
      const request = { roomId: BigInt(roomId), signalId, approves, ...(await actorOf(call, reason)) };
      await atOwner(parts, { rpc: call.rpc, hostId: hostOfRoom(roomId) }, (owner, options) =>
        owner.reviewHeld(request, options),
      );
      return { body: undefined };
    },
    retractComment: async (call) => {
      const roomId = roomIdOf(call.params.roomId);
      const { signalId } = call.params;
      const request = { roomId: BigInt(roomId), signalId, ...(await actorOf(call, call.query.reason)) };
      await atOwner(parts, { rpc: call.rpc, hostId: hostOfRoom(roomId) }, (owner, options) =>
        owner.retract(request, options),
      );
      return { body: undefined };
    },
  };
}

function followHandlers(parts: Parts): HandlersOf<FollowOperation> {
  const read = async (call: Pick<Call, 'rpc'>, hostId: number, userId: number) => {
    const asked = { hostId: BigInt(hostId), userId: BigInt(userId) };
    return restFollow(await parts.moderation.client.getFollow(asked, call.rpc));
  };
  const set = async (call: ActingCall, follows: boolean) => {
    const [hostId, caller] = await Promise.all([knownHost(parts, call), call.caller()]);
    const userId = ownUserId(caller);
    const request = { hostId: BigInt(hostId), userId: BigInt(userId), name: caller.name, follows };
    await atOwner(parts, { rpc: call.rpc, hostId }, (owner, options) => owner.setFollow(request, options));
    return { hostId, userId };
  };
  return {
    getFollow: async (call) => {
      const [hostId, visitor] = await Promise.all([knownHost(parts, call), call.visitor()]);
      return { body: await read(call, hostId, visitor?.userId ?? 0) };
    },
    followHost: async (call) => {
      const { hostId, userId } = await set(call, true);
      return { body: await read(call, hostId, userId) };
    },
    unfollowHost: async (call) => {
      await set(call, false);
      return { body: undefined };
    },
  };
}

type ActingCall = Pick<Call, 'caller' | 'params' | 'rpc'>;

function atOwner<Answer>(
  { moderation }: Parts,
  { rpc, hostId }: Pick<Call, 'rpc'> & { readonly hostId: number },
  ask: (owner: Client<typeof wire.ModerationService>, options: CallOptions) => Promise<Answer>,
): Promise<Answer> {
  return askOwner({ owners: moderation, hostId }, rpc, ask);
}

/** @throws CodedError HOST_UNKNOWN */
async function knownHost(parts: Parts, call: Pick<Call, 'params' | 'rpc'>): Promise<number> {
  const hostId = await hostIdOf(parts, call);
  await parts.room.getHost({ hostId: BigInt(hostId) }, call.rpc);
  return hostId;
}

/** The user of `userRef`, with his name. @throws CodedError USER_UNKNOWN */
async function userOf(
  parts: Parts,
  { params, rpc }: Pick<Call, 'params' | 'rpc'>,
): Promise<{ readonly userId: bigint; readonly name: string }> {
  try {
    const userId = BigInt(await hostIdOfRef(parts, { rpc }, params.userRef));
    const { user } = await parts.account.getUser({ userId }, rpc);
    return { userId, name: user?.name ?? '' };
  } catch (error) {
    throw hasCode(error, 'HOST_UNKNOWN') ? new CodedError(protocolErrors, 'USER_UNKNOWN') : error;
  }
}

async function actorOf({ caller }: Pick<Call, 'caller'>, reason: string) {
  const asks = await caller();
  return { actor: { userId: BigInt(asks.userId), operator: isOperator(asks), reason } };
}

async function listed(
  { moderation }: Parts,
  call: Pick<Call, 'caller' | 'rpc'> & {
    readonly query: { readonly afterUserId: number; readonly limit: number };
  },
  hostId: number,
): Promise<Sanction[]> {
  const { afterUserId, limit } = call.query;
  const page = { hostId: BigInt(hostId), afterUserId: BigInt(afterUserId), limit };
  const asked = { ...page, ...(await actorOf(call, '')) };
  const { sanctions } = await moderation.client.listSanctions(asked, call.rpc);
  return sanctions.map(restSanction);
}

function restChat({ settings, version }: wire.GetChatResponse): Chat {
  if (!settings) throw new TypeError('the interaction service answered no settings');
  const { closed: isClosed, $typeName: _, $unknown: _unknown, ...rest } = settings;
  return { settings: { ...rest, isClosed } as ChatSettings, version: Number(version) };
}

function restWords({ words, version }: wire.GetWordsResponse): ChatWordList {
  const of = (asked: string) => words.filter(({ action }) => action === asked).map(({ word }) => word);
  return { words: { refuse: of('refuse'), hold: of('hold'), mask: of('mask') }, version: Number(version) };
}

function restSanction(sanction: wire.SanctionEntry): Sanction {
  return {
    userId: Number(sanction.userId),
    name: sanction.name,
    kind: sanction.kind as Sanction['kind'],
    untilMs: Number(sanction.untilMs),
    by: Number(sanction.by),
    reason: sanction.reason,
    createdAtMs: Number(sanction.createdAtMs),
  };
}

function restHeld({ signalId, userId, name, text, heldAtMs, reason }: wire.HeldComment): HeldComment {
  return {
    signalId,
    userId: Number(userId),
    name,
    text,
    heldAtMs: Number(heldAtMs),
    reason: reason as HeldComment['reason'],
  };
}

function restFollow({ followers, followedAtMs }: wire.GetFollowResponse): Follow {
  return { followers: Number(followers), ...(followedAtMs && { followedAtMs: Number(followedAtMs) }) };
}

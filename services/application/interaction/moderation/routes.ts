import { CodedError, hasCode } from '@gala/lib/error';
import { mapErrors, type Handlers } from '@gala/lib/rpc';
import { outageCodes } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import { roomIdMax, userIdMax } from '@gala/protocol/ids';
import type * as wire from '@gala/protocol/moderation';
import { deliveries } from '@gala/protocol/signals';
import { sanctionKinds, type SanctionKind } from '../rules/sanctions.ts';
import {
  followedMinutesMax,
  linkRules,
  slowModeSecondsMax,
  uniqueChatSecondsMax,
  type ChatSettings,
} from '../rules/settings.ts';
import { wordActions, wordLengthMax, type WordRule } from '../rules/words.ts';
import type { StoredSanction } from '../store/sanctions.ts';
import type { Admission } from './admission.ts';
import type { Follows } from './follows.ts';
import type { Actor, Moderation } from './moderation.ts';

type Service = typeof wire.ModerationService;
type HandlersOf<Names extends keyof Handlers<Service>> = Pick<Handlers<Service>, Names>;

export interface RoutedModeration {
  readonly moderation: Moderation;
  readonly admission: Admission;
  readonly follows: Follows;
  readonly clock: { nowMs(): number };
}

const reasonCharactersMax = 200;
const nameCharactersMax = 64;
const sanctionsPageMax = 1000;
const secondsMax = 10 * 366 * 86_400;

/** Operations of the protocol as calls of the domain; conversions happen here and nowhere else. */
export function createModerationHandlers(parts: RoutedModeration): Handlers<Service> {
  const handlers = {
    ...chatHandlers(parts),
    ...sanctionHandlers(parts),
    ...commentHandlers(parts),
    ...peopleHandlers(parts),
  };
  return mapErrors(handlers, toProtocolError);
}

function chatHandlers({
  moderation,
}: RoutedModeration): HandlersOf<'getChat' | 'putChat' | 'getWords' | 'putWords'> {
  return {
    getChat: async ({ hostId }) => {
      const { settings, version } = await moderation.settings(userIdOf(hostId));
      return { settings: wireSettings(settings), version: BigInt(version) };
    },
    putChat: async ({ hostId, settings, version, actor }) => {
      const change = {
        hostId: userIdOf(hostId),
        settings: settingsOf(settings),
        version: Number(version),
      };
      return { version: BigInt(await moderation.putSettings(change, actorOf(actor))) };
    },
    getWords: async ({ hostId, actor }) => {
      const { words, version } = await moderation.words(userIdOf(hostId), actorOf(actor));
      return { words: words.map((rule) => ({ ...rule })), version: BigInt(version) };
    },
    putWords: async ({ hostId, words, version, actor }) => {
      const change = { hostId: userIdOf(hostId), words: words.map(wordOf), version: Number(version) };
      return { version: BigInt(await moderation.putWords(change, actorOf(actor))) };
    },
  };
}

function sanctionHandlers({
  moderation,
  clock,
}: RoutedModeration): HandlersOf<'sanction' | 'unsanction' | 'listSanctions'> {
  return {
    sanction: async ({ hostId, userId, name, kind, seconds, removes, actor }) => {
      if (seconds > secondsMax || name.length > nameCharactersMax) throw invalid('sanction');
      const order = {
        hostId: placeOf(hostId),
        userId: userIdOf(userId),
        name,
        kind: kindOf(kind),
        seconds,
        removes,
      };
      return { untilMs: BigInt(await moderation.sanction(order, actorOf(actor))) };
    },
    unsanction: async ({ hostId, userId, kind, actor }) => {
      const order = { hostId: placeOf(hostId), userId: userIdOf(userId), kind: kindOf(kind) };
      await moderation.unsanction(order, actorOf(actor));
      return {};
    },
    listSanctions: async ({ hostId, afterUserId, limit, actor }) => {
      const page = {
        nowMs: clock.nowMs(),
        afterUserId: Number(afterUserId),
        limit: Math.min(sanctionsPageMax, Math.max(1, limit)),
      };
      const listed = await moderation.sanctions(placeOf(hostId), page, actorOf(actor));
      return { sanctions: listed.map(wireSanction) };
    },
  };
}

function commentHandlers({
  moderation,
}: RoutedModeration): HandlersOf<'retract' | 'listHeld' | 'reviewHeld'> {
  return {
    retract: async ({ roomId, signalId, actor }) => {
      await moderation.retract(roomIdOf(roomId), signalId, actorOf(actor));
      return {};
    },
    listHeld: async ({ roomId, actor }) => {
      const { comments, dropped, expired } = await moderation.held(roomIdOf(roomId), actorOf(actor));
      return {
        comments: comments.map(({ signalId, draft, heldAtMs, reason }) => ({
          signalId,
          userId: BigInt(draft.author.userId),
          name: draft.author.name,
          text: draft.text,
          heldAtMs: BigInt(heldAtMs),
          reason,
        })),
        dropped,
        expired,
      };
    },
    reviewHeld: async ({ roomId, signalId, approves, actor }) => {
      await moderation.review({ roomId: roomIdOf(roomId), signalId, approves }, actorOf(actor));
      return {};
    },
  };
}

function peopleHandlers({
  moderation,
  admission,
  follows,
}: RoutedModeration): HandlersOf<'admit' | 'listModerators' | 'setModerator' | 'setFollow' | 'getFollow'> {
  return {
    admit: async ({ roomId, userId, operator: isOperator }) => {
      const entrant = { roomId: roomIdOf(roomId), userId: placeOf(userId), isOperator };
      const { role, isBanned, bannedUntilMs } = await admission.admit(entrant);
      return { role, banned: isBanned, bannedUntilMs: BigInt(bannedUntilMs) };
    },
    listModerators: async ({ hostId, actor }) => {
      const listed = await moderation.moderators(userIdOf(hostId), actorOf(actor));
      return {
        moderators: listed.map(({ userId, name, sinceMs }) => ({
          userId: BigInt(userId),
          name,
          sinceMs: BigInt(sinceMs),
        })),
      };
    },
    setModerator: async ({ hostId, userId, name, moderates, actor }) => {
      if (name.length > nameCharactersMax) throw invalid('name');
      const order = { hostId: userIdOf(hostId), userId: userIdOf(userId), name, moderates };
      await moderation.setModerator(order, actorOf(actor));
      return {};
    },
    setFollow: async (request) => {
      if (request.name.length > nameCharactersMax) throw invalid('name');
      const [hostId, userId] = [userIdOf(request.hostId), userIdOf(request.userId)];
      if (hostId === userId) throw invalid('a host does not follow himself');
      if (request.follows) {
        return { followedAtMs: BigInt(await follows.follow({ hostId, userId, name: request.name })) };
      }
      await follows.unfollow({ hostId, userId });
      return { followedAtMs: 0n };
    },
    getFollow: async ({ hostId, userId }) => {
      const { followedAtMs, followers } = await follows.read(userIdOf(hostId), placeOf(userId));
      return { followedAtMs: BigInt(followedAtMs), followers: BigInt(followers) };
    },
  };
}

function wireSettings(settings: ChatSettings) {
  const { isClosed: closed, ...rest } = settings;
  return { ...rest, closed };
}

function settingsOf(settings: wire.ChatSettings | undefined): ChatSettings {
  if (!settings) throw invalid('settings');
  const { slowModeSeconds, followersOnly, followedMinutesMin, emoteOnly, uniqueChat } = settings;
  const { uniqueChatSeconds, holdsAll, closed: isClosed, guestsMaySpeak } = settings;
  const links = linkRules.find((each) => each === settings.links);
  const delivery = deliveries.find((each) => each === settings.delivery);
  if (!links || !delivery) throw invalid('settings');
  if (slowModeSeconds > slowModeSecondsMax || followedMinutesMin > followedMinutesMax)
    throw invalid('settings');
  if (uniqueChatSeconds < 1 || uniqueChatSeconds > uniqueChatSecondsMax) throw invalid('settings');
  return {
    slowModeSeconds,
    followersOnly,
    followedMinutesMin,
    emoteOnly,
    uniqueChat,
    uniqueChatSeconds,
    holdsAll,
    isClosed,
    guestsMaySpeak,
    links,
    delivery,
  };
}

function wireSanction(sanction: StoredSanction) {
  const { userId, name, kind, untilMs, by, reason, createdAtMs } = sanction;
  return {
    userId: BigInt(userId),
    name,
    kind,
    untilMs: BigInt(untilMs),
    by: BigInt(by),
    reason,
    createdAtMs: BigInt(createdAtMs),
  };
}

function wordOf({ word, action }: wire.WordRule): WordRule {
  const known = wordActions.find((each) => each === action);
  if (!known || word.length > wordLengthMax) throw invalid('words');
  return { word, action: known };
}

function kindOf(kind: string): SanctionKind {
  const known = sanctionKinds.find((each) => each === kind);
  if (!known) throw invalid('kind');
  return known;
}

function actorOf(actor: wire.Actor | undefined): Actor {
  if (!actor || actor.reason.length > reasonCharactersMax) throw invalid('actor');
  return { userId: placeOf(actor.userId), isOperator: actor.operator, reason: actor.reason };
}

/** A user, or 0 for none. */
function placeOf(id: bigint): number {
  return id === 0n ? 0 : userIdOf(id);
}

function userIdOf(id: bigint): number {
  if (id < 1n || id > BigInt(userIdMax)) throw invalid('user id');
  return Number(id);
}

function roomIdOf(id: bigint): number {
  if (id < 1n || id > BigInt(roomIdMax)) throw invalid('room id');
  return Number(id);
}

function toProtocolError(cause: unknown): unknown {
  if (!hasCode(cause, ...outageCodes)) return cause;
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Sql } from '@gala/lib/sql';
import { commonErrors, interactionErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import type { HeldComment } from '../rules/hold-queue.ts';
import { retractionOf } from '../rules/rulebook.ts';
import type { Sanction, SanctionKind } from '../rules/sanctions.ts';
import { roomRulesOf, type ChatSettings } from '../rules/settings.ts';
import { authorOfSignal } from '../rules/signal-id.ts';
import { WordFilter, wordsMax, type WordRule } from '../rules/words.ts';
import { readChat, saveSettings, saveWords } from '../store/chats.ts';
import {
  addModerator,
  isModerator,
  listModerators,
  removeModerator,
  type Moderator,
} from '../store/moderators.ts';
import {
  deleteSanction,
  listSanctions,
  putSanction,
  type SanctionPage,
  type StoredSanction,
} from '../store/sanctions.ts';
import type { Draft } from '../types.ts';
import type { Admission } from './admission.ts';
import type { Chats } from './chats.ts';
import type { ModerationEvents } from './events.ts';
import type { HostChat } from './host-chat.ts';
import type { SiteSanctions } from './site-sanctions.ts';

/** Who asks for it, and why. */
export interface Actor {
  /** 0 for the operator token. */
  readonly userId: number;
  readonly isOperator: boolean;
  readonly reason: string;
}

/** The rooms that this process owns. */
export interface OwnedRooms {
  /** From now on the rooms of the host are owned here. Errors: NOT_OWNER. */
  hold(hostId: number): Promise<void>;
  /** After a write: who took them meanwhile may have read what was before. @throws CodedError NOT_OWNER */
  assertHeld(hostId: number): void;
  /**
   * Says it in a room, once for an id; what may not be lost is durable when this returns.
   * Errors: NOT_OWNER, ROOM_SILENT, SIGNALS_UNDURABLE.
   */
  say(roomId: number, draft: Draft, publishId: string): Promise<void>;
  /** A part of the room's state. */
  set(roomId: number, name: string, value: unknown): void;
  /** Closes the connections of a user; `roomId` 0 in all rooms. Never rejects. */
  kick(roomId: number, userId: number): Promise<void>;
}

export interface ModerationParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly events: ModerationEvents;
  readonly chats: Chats;
  readonly siteSanctions: SiteSanctions;
  readonly admission: Admission;
  readonly rooms: OwnedRooms;
}

/** What a mute without an end ends with: signals say 0 when somebody may speak again. */
const endlessMs = Date.UTC(9999, 11, 31);

export interface SanctionOrder {
  /** 0: in the whole installation. */
  readonly hostId: number;
  readonly userId: number;
  readonly name: string;
  readonly kind: SanctionKind;
  /** 0: until it is taken back. */
  readonly seconds: number;
  readonly removes: boolean;
}

/**
 * What hosts, their moderators and operators do. What is to last is written first; then the open rooms follow, and then
 * everyone is told. Said twice it is done once.
 */
export class Moderation {
  readonly #parts: ModerationParts;

  constructor(parts: ModerationParts) {
    this.#parts = parts;
  }

  async settings(hostId: number): Promise<{ readonly settings: ChatSettings; readonly version: number }> {
    return readChat(this.#parts.sql, hostId, this.#parts.clock.nowMs());
  }

  /** The new version. Errors: NOT_MODERATOR, NOT_OWNER, CHAT_CHANGED. */
  async putSettings(
    { hostId, settings, version }: { hostId: number; settings: ChatSettings; version: number },
    actor: Actor,
  ): Promise<number> {
    const { sql, events } = this.#parts;
    await this.#enter(hostId, actor);
    const written = await saveSettings(sql, { hostId, value: settings, version });
    const saved = written ?? (await this.#sameSettings(hostId, settings, version));
    if (written !== undefined) events.settingsPut({ hostId, version: saved, settings, ...actOf(actor) });
    const chat = await this.#written(hostId);
    if (!chat?.change(settings, saved)) return saved;
    const rules = roomRulesOf(settings);
    for (const roomId of chat.rooms.keys()) {
      this.#parts.rooms.set(roomId, 'rules', rules);
      const draft: Draft = { type: 'rules', class: 'control', signalId: '', rules };
      // The state says it as well, and repairs itself: who is not told now is told then.
      await this.#parts.rooms.say(roomId, draft, `rules/${saved}`).catch(ignoreUndurable);
    }
    return saved;
  }

  async words(hostId: number, actor: Actor): Promise<{ words: readonly WordRule[]; version: number }> {
    await this.#check(hostId, actor);
    const { words, wordsVersion } = await readChat(this.#parts.sql, hostId, this.#parts.clock.nowMs());
    return { words, version: wordsVersion };
  }

  /** The new version. Errors: NOT_MODERATOR, NOT_OWNER, CHAT_CHANGED, INVALID_REQUEST. */
  async putWords(
    { hostId, words, version }: { hostId: number; words: readonly WordRule[]; version: number },
    actor: Actor,
  ): Promise<number> {
    const { sql, events } = this.#parts;
    if (words.length > wordsMax) throw invalid('words');
    await this.#enter(hostId, actor);
    const filter = await WordFilter.build(words);
    if (filter.size !== words.length) throw invalid('words');
    const written = await saveWords(sql, { hostId, value: words, version });
    const saved = written ?? (await this.#sameWords(hostId, words, version));
    if (written !== undefined) {
      events.wordsPut({ hostId, version: saved, words: words.length, ...actOf(actor) });
    }
    (await this.#written(hostId))?.changeWords(filter, saved);
    return saved;
  }

  /** When it ends; 0 for never. Errors: NOT_MODERATOR, NOT_OWNER, SANCTION_REFUSED, TOO_MANY_SANCTIONS. */
  async sanction(order: SanctionOrder, actor: Actor): Promise<number> {
    const { sql, clock, events } = this.#parts;
    const { hostId, userId, name, kind, seconds } = order;
    await this.#enter(hostId, actor);
    if (hostId !== 0) await this.#checkTarget(hostId, userId);
    const createdAtMs = clock.nowMs();
    const untilMs = seconds === 0 ? 0 : createdAtMs + seconds * 1000;
    const { reason, userId: by } = actor;
    const isPut = await putSanction(sql, hostId, { userId, kind, name, untilMs, by, reason, createdAtMs });
    if (!isPut) throw new CodedError(interactionErrors, 'TOO_MANY_SANCTIONS');
    events.sanctioned({ hostId, userId, kind, untilMs, ...actOf(actor) });
    if (hostId === 0) await this.#sanctionSite({ userId, kind, untilMs }, actor);
    else await this.#sanctionHere(order, untilMs);
    return untilMs;
  }

  /** Errors: NOT_MODERATOR, NOT_OWNER. */
  async unsanction(
    { hostId, userId, kind }: Pick<SanctionOrder, 'hostId' | 'userId' | 'kind'>,
    actor: Actor,
  ): Promise<void> {
    const { sql, events, siteSanctions, admission } = this.#parts;
    await this.#enter(hostId, actor);
    if (await deleteSanction(sql, hostId, { userId, kind })) {
      events.unsanctioned({ hostId, userId, kind, ...actOf(actor) });
    }
    if (hostId === 0) return siteSanctions.changed(authorOf(actor), `${userId}: no ${kind}`);
    admission.forget(hostId);
    const chat = await this.#written(hostId);
    if (chat?.unsanction(userId, kind) && kind !== 'shadow')
      await this.#tell(hostId, muteOf(userId, 0, false));
  }

  async sanctions(hostId: number, page: SanctionPage, actor: Actor): Promise<StoredSanction[]> {
    await this.#check(hostId, actor);
    return listSanctions(this.#parts.sql, hostId, page);
  }

  /** Errors: NOT_MODERATOR, NOT_OWNER, ROOM_SILENT, SIGNAL_UNKNOWN, SIGNALS_UNDURABLE. */
  async retract(roomId: number, signalId: string, actor: Actor): Promise<void> {
    const { chats, clock, events, rooms } = this.#parts;
    if (authorOfSignal(signalId) === undefined) throw new CodedError(interactionErrors, 'SIGNAL_UNKNOWN');
    await this.#enter(hostOfRoom(roomId), actor);
    if (!chats.room(roomId)?.held.take(signalId, clock.nowMs())) {
      await rooms.say(roomId, retractionOf(signalId), `retract/${signalId}`);
    }
    events.retracted({ roomId, signalId, ...actOf(actor) });
  }

  /** Of a room that is not open none wait. Errors: NOT_MODERATOR, NOT_OWNER. */
  async held(
    roomId: number,
    actor: Actor,
  ): Promise<{ readonly comments: HeldComment[]; readonly dropped: number; readonly expired: number }> {
    await this.#enter(hostOfRoom(roomId), actor);
    const queue = this.#parts.chats.room(roomId)?.held;
    const comments = queue?.list(this.#parts.clock.nowMs()) ?? [];
    return { comments, dropped: queue?.dropped ?? 0, expired: queue?.expired ?? 0 };
  }

  /** Errors: NOT_MODERATOR, NOT_OWNER, ROOM_SILENT, SIGNAL_UNKNOWN. */
  async review(
    { roomId, signalId, approves }: { roomId: number; signalId: string; approves: boolean },
    actor: Actor,
  ): Promise<void> {
    const { chats, clock, events, rooms } = this.#parts;
    await this.#enter(hostOfRoom(roomId), actor);
    const queue = chats.room(roomId)?.held;
    const held = queue?.take(signalId, clock.nowMs());
    if (!held || !queue) {
      if (queue?.reviewOf(signalId) === approves) return;
      throw new CodedError(interactionErrors, 'SIGNAL_UNKNOWN');
    }
    try {
      if (approves) await rooms.say(roomId, held.draft, `held/${signalId}`);
    } catch (error) {
      queue.add(held);
      throw error;
    }
    queue.reviewed(signalId, approves);
    events.heldReviewed({ roomId, signalId, approves, ...actOf(actor) });
  }

  async moderators(hostId: number, actor: Actor): Promise<Moderator[]> {
    await this.#check(hostId, actor);
    return listModerators(this.#parts.sql, hostId);
  }

  /** By the host and operators. Errors: NOT_MODERATOR, NOT_OWNER, TOO_MANY_MODERATORS. */
  async setModerator(
    order: { hostId: number; userId: number; name: string; moderates: boolean },
    actor: Actor,
  ): Promise<void> {
    const { sql, clock, events, admission, rooms } = this.#parts;
    const { hostId, userId, name, moderates } = order;
    if (!actor.isOperator && actor.userId !== hostId) throw notModerator();
    if (userId === hostId) throw invalid('user id');
    await rooms.hold(hostId);
    if (!moderates) await removeModerator(sql, hostId, userId);
    else if (!(await addModerator(sql, hostId, { userId, name, sinceMs: clock.nowMs() }))) {
      throw new CodedError(interactionErrors, 'TOO_MANY_MODERATORS');
    }
    admission.forget(hostId);
    events.moderatorChanged({ hostId, userId, moderates, ...actOf(actor) });
    (await this.#written(hostId))?.setModerator(userId, moderates);
  }

  async #enter(hostId: number, actor: Actor): Promise<void> {
    await this.#check(hostId, actor);
    if (hostId !== 0) await this.#parts.rooms.hold(hostId);
  }

  /** The chat of a host with open rooms, which follows what has been written. */
  #written(hostId: number): Promise<HostChat | undefined> {
    this.#parts.rooms.assertHeld(hostId);
    return this.#parts.chats.of(hostId);
  }

  async #check(hostId: number, { userId, isOperator }: Actor): Promise<void> {
    if (isOperator || (userId !== 0 && userId === hostId)) return;
    if (userId === 0 || hostId === 0 || !(await isModerator(this.#parts.sql, hostId, userId))) {
      throw notModerator();
    }
  }

  async #checkTarget(hostId: number, userId: number): Promise<void> {
    if (userId !== hostId && !(await isModerator(this.#parts.sql, hostId, userId))) return;
    throw new CodedError(interactionErrors, 'SANCTION_REFUSED');
  }

  async #sanctionSite({ userId, kind, untilMs }: Sanction, actor: Actor): Promise<void> {
    await this.#parts.siteSanctions.changed(authorOf(actor), `${userId}: ${kind} until ${untilMs}`);
    if (kind === 'ban') await this.#parts.rooms.kick(0, userId);
  }

  /** A shadow is nobody's business but the moderators'. */
  async #sanctionHere({ hostId, userId, kind, removes }: SanctionOrder, untilMs: number): Promise<void> {
    const { admission, rooms } = this.#parts;
    admission.forget(hostId);
    const chat = await this.#written(hostId);
    chat?.sanction({ userId, kind, untilMs });
    if (kind === 'shadow' || !chat) return;
    if (kind === 'ban') {
      await Promise.all([...chat.rooms.keys()].map((roomId) => rooms.kick(roomId, userId)));
    }
    await this.#tell(hostId, muteOf(userId, untilMs || endlessMs, removes));
  }

  /** In every room of the host that is open. */
  async #tell(hostId: number, draft: Draft): Promise<void> {
    const chat = await this.#parts.chats.of(hostId);
    for (const roomId of chat?.rooms.keys() ?? []) await this.#parts.rooms.say(roomId, draft, '');
  }

  /** One who says the same again is answered as before. */
  async #sameSettings(hostId: number, settings: ChatSettings, version: number): Promise<number> {
    const stored = await this.settings(hostId);
    if (stored.version === version + 1 && isSame(stored.settings, settings)) return stored.version;
    throw new CodedError(interactionErrors, 'CHAT_CHANGED');
  }

  async #sameWords(hostId: number, words: readonly WordRule[], version: number): Promise<number> {
    const stored = await readChat(this.#parts.sql, hostId, this.#parts.clock.nowMs());
    const isAgain = stored.wordsVersion === version + 1 && stored.words.length === words.length;
    const isEqual = isAgain && words.every((rule, at) => isSame(rule, stored.words[at]));
    if (isEqual) return stored.wordsVersion;
    throw new CodedError(interactionErrors, 'CHAT_CHANGED');
  }
}

function muteOf(userId: number, untilMs: number, removes: boolean): Draft {
  return { type: 'mute', class: 'control', signalId: '', userId, untilMs, removes };
}

function isSame(one: object, other: object): boolean {
  const sorted = (value: object) =>
    JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  return sorted(one) === sorted(other);
}

function actOf({ userId: by, reason }: Actor): { readonly by: number; readonly reason: string } {
  return { by, reason };
}

function authorOf({ userId, reason }: Actor): { readonly by: string; readonly reason: string } {
  return { by: String(userId), reason };
}

function ignoreUndurable(error: unknown): void {
  if (!(error instanceof CodedError) || error.code !== 'SIGNALS_UNDURABLE') throw error;
}

function notModerator(): CodedError {
  return new CodedError(interactionErrors, 'NOT_MODERATOR');
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

import type { RoomRulebook } from '../rules/rulebook.ts';
import type { Sanction, SanctionKind, Sanctions } from '../rules/sanctions.ts';
import type { ChatSettings } from '../rules/settings.ts';
import type { WordFilter } from '../rules/words.ts';
import type { FollowCache } from './follow-cache.ts';

export interface HostChatState {
  readonly settings: ChatSettings;
  readonly version: number;
  readonly words: WordFilter;
  readonly wordsVersion: number;
  readonly sanctions: Sanctions;
  readonly moderators: ReadonlySet<number>;
  readonly follows: FollowCache;
}

/** A host with rooms that are open here: what was read once, and what was changed since. */
export class HostChat {
  readonly hostId: number;
  readonly rooms = new Map<number, RoomRulebook>();
  #state: HostChatState;

  constructor(hostId: number, state: HostChatState) {
    this.hostId = hostId;
    this.#state = state;
  }

  get state(): HostChatState {
    return this.#state;
  }

  /** True when the rules that everyone is told changed by it; an older version changes nothing. */
  change(settings: ChatSettings, version: number): boolean {
    if (version <= this.#state.version) return false;
    this.#state = { ...this.#state, settings, version };
    for (const room of this.rooms.values()) room.change(settings);
    return true;
  }

  changeWords(words: WordFilter, wordsVersion: number): void {
    if (wordsVersion <= this.#state.wordsVersion) return;
    this.#state = { ...this.#state, words, wordsVersion };
    for (const room of this.rooms.values()) room.changeWords(words);
  }

  setModerator(userId: number, moderates: boolean): void {
    const moderators = new Set(this.#state.moderators);
    if (moderates) moderators.add(userId);
    else moderators.delete(userId);
    this.#state = { ...this.#state, moderators };
    for (const room of this.rooms.values()) room.changeModerators(moderators);
  }

  /** What he has still to wait for goes with it. */
  sanction(sanction: Sanction): void {
    this.#state.sanctions.put(sanction);
    for (const room of this.rooms.values()) room.held.removeOf(sanction.userId);
  }

  /** False when there was none. */
  unsanction(userId: number, kind: SanctionKind): boolean {
    return this.#state.sanctions.delete(userId, kind);
  }
}

import type { Clock } from '@gala/lib/clock';
import type { Sql } from '@gala/lib/sql';
import type { SpeakLimits } from '../rules/limits.ts';
import { openRulebook, type RoomRulebook } from '../rules/rulebook.ts';
import { Sanctions } from '../rules/sanctions.ts';
import { WordFilter } from '../rules/words.ts';
import { readChat } from '../store/chats.ts';
import type { ModerationEvents } from './events.ts';
import { FollowCache } from './follow-cache.ts';
import { HostChat } from './host-chat.ts';
import type { SiteSanctions } from './site-sanctions.ts';

export interface ChatsParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly events: ModerationEvents;
  readonly limits: SpeakLimits;
  readonly siteSanctions: SiteSanctions;
}

export interface OpenedRoom {
  readonly roomId: number;
  readonly hostId: number;
}

/** The chats of the rooms that are open in this process: read when the first room of a host is opened. */
export class Chats {
  readonly #parts: ChatsParts;
  /** Of all rooms of the process; as many keys as the rules have outcomes. */
  readonly outcomes = new Map<string, number>();
  readonly #byHost = new Map<number, Promise<HostChat>>();
  readonly #rooms = new Map<number, RoomRulebook>();

  constructor(parts: ChatsParts) {
    this.#parts = parts;
  }

  /** One round trip to the host's shard for his first room. Errors: DATABASE_UNAVAILABLE and its like. */
  async open({ roomId, hostId }: OpenedRoom): Promise<RoomRulebook> {
    const reading = this.#byHost.get(hostId) ?? this.#read(hostId);
    this.#byHost.set(hostId, reading);
    try {
      const chat = await reading;
      // His last room may have been closed meanwhile: then changes would not reach this one.
      if (this.#byHost.get(hostId) !== reading) return await this.open({ roomId, hostId });
      return this.#add(chat, roomId);
    } catch (error) {
      if (this.#byHost.get(hostId) === reading) this.#byHost.delete(hostId);
      throw error;
    }
  }

  /** The room is not open here any more; a later rulebook of the same room stays. */
  async close({ roomId, hostId }: OpenedRoom, rulebook: RoomRulebook): Promise<void> {
    if (this.#rooms.get(roomId) !== rulebook) return;
    this.#rooms.delete(roomId);
    const chat = await this.#byHost.get(hostId)?.catch(() => undefined);
    if (chat?.rooms.get(roomId) !== rulebook) return;
    chat.rooms.delete(roomId);
    if (chat.rooms.size === 0) this.#byHost.delete(hostId);
  }

  /** The rules of a room that is open here. */
  room(roomId: number): RoomRulebook | undefined {
    return this.#rooms.get(roomId);
  }

  /** After a change has been written: also one that is being read now has it then. */
  async of(hostId: number): Promise<HostChat | undefined> {
    return this.#byHost.get(hostId)?.catch(() => undefined);
  }

  get held(): number {
    let held = 0;
    for (const room of this.#rooms.values()) held += room.held.size;
    return held;
  }

  #add(chat: HostChat, roomId: number): RoomRulebook {
    const { clock, limits, siteSanctions } = this.#parts;
    const { settings, sanctions, words, moderators, follows } = chat.state;
    const room = openRulebook({
      settings,
      sanctions,
      siteSanctions,
      words,
      moderators,
      follows,
      limits,
      clock,
      outcomes: this.outcomes,
      onClose: (closed) => void this.close({ roomId, hostId: chat.hostId }, closed),
    });
    chat.rooms.set(roomId, room);
    this.#rooms.set(roomId, room);
    return room;
  }

  async #read(hostId: number): Promise<HostChat> {
    const { sql, clock, events } = this.#parts;
    const stored = await readChat(sql, hostId, clock.nowMs());
    events.counters.chatsOpened++;
    return new HostChat(hostId, {
      settings: stored.settings,
      version: stored.version,
      words: await WordFilter.build(stored.words),
      wordsVersion: stored.wordsVersion,
      sanctions: new Sanctions(stored.sanctions),
      moderators: new Set(stored.moderators),
      follows: new FollowCache(this.#parts, hostId),
    });
  }
}

import type { Clock } from '@gala/lib/clock';
import type { Sql } from '@gala/lib/sql';
import { Recent } from '../rules/recent.ts';
import { countFollowers, deleteFollow, findFollows, insertFollow } from '../store/follows.ts';
import type { Draft } from '../types.ts';
import type { Chats } from './chats.ts';
import type { ModerationEvents } from './events.ts';
import type { OwnedRooms } from './moderation.ts';

/** Followers that rooms were told of: who goes and comes back is told once. */
const toldMax = 10_000;

export interface FollowsParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly events: ModerationEvents;
  readonly chats: Chats;
  readonly rooms: OwnedRooms;
}

export interface FollowOrder {
  readonly hostId: number;
  readonly userId: number;
  readonly name: string;
}

/** Who follows whom. */
export class Follows {
  readonly #parts: FollowsParts;
  readonly #told = new Recent<string, true>(toldMax);

  constructor(parts: FollowsParts) {
    this.#parts = parts;
  }

  /** Since when. Errors: NOT_OWNER. */
  async follow({ hostId, userId, name }: FollowOrder): Promise<number> {
    const { sql, clock, events, chats, rooms } = this.#parts;
    await rooms.hold(hostId);
    const { followedAtMs, isNew } = await insertFollow(sql, { hostId, userId, nowMs: clock.nowMs() });
    rooms.assertHeld(hostId);
    const chat = await chats.of(hostId);
    chat?.state.follows.set(userId, followedAtMs);
    if (!isNew) return followedAtMs;
    events.counters.followed++;
    const key = `${hostId}/${userId}`;
    if (!chat || this.#told.get(key)) return followedAtMs;
    this.#told.set(key, true);
    const author = { userId, name, role: 'viewer' } as const;
    const draft: Draft = { type: 'follow', class: 'system', signalId: '', author };
    // That he follows stands, whether the rooms can be told or not.
    for (const roomId of chat.rooms.keys()) await rooms.say(roomId, draft, '').catch(() => undefined);
    return followedAtMs;
  }

  /** Errors: NOT_OWNER. */
  async unfollow({ hostId, userId }: Omit<FollowOrder, 'name'>): Promise<void> {
    const { sql, events, chats, rooms } = this.#parts;
    await rooms.hold(hostId);
    await deleteFollow(sql, { hostId, userId });
    events.counters.unfollowed++;
    rooms.assertHeld(hostId);
    (await chats.of(hostId))?.state.follows.set(userId, 0);
  }

  /** `userId` 0: the count alone. */
  async read(hostId: number, userId: number): Promise<{ followedAtMs: number; followers: number }> {
    const { sql } = this.#parts;
    const [found, followers] = await Promise.all([
      userId === 0 ? new Map<number, number>() : findFollows(sql, hostId, [userId]),
      countFollowers(sql, hostId),
    ]);
    return { followedAtMs: found.get(userId) ?? 0, followers };
  }
}

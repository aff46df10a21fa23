import type { Sql } from '@gala/lib/sql';
import { within } from '@gala/lib/timing';
import type { FollowSource } from '../rules/follows.ts';
import { Recent } from '../rules/recent.ts';
import { findFollows } from '../store/follows.ts';
import type { ModerationEvents } from './events.ts';

/** Users of one host that are remembered; beyond, the one who was looked up first is forgotten. */
const usersMax = 50_000;
/** Asked of the database at once, and how long a judgement waits for it. */
const batchMax = 1000;
const waitMsMax = 1000;

export interface FollowCacheParts {
  readonly sql: Sql;
  readonly events: ModerationEvents;
}

/** Who of those who speak follows one host: looked up by user before his first comment, kept up by the owner. */
export class FollowCache implements FollowSource {
  readonly #parts: FollowCacheParts;
  readonly #hostId: number;
  readonly #sinceMs = new Recent<number, number>(usersMax);

  constructor(parts: FollowCacheParts, hostId: number) {
    this.#parts = parts;
    this.#hostId = hostId;
  }

  sinceMs(userId: number): number | undefined {
    return this.#sinceMs.get(userId);
  }

  set(userId: number, followedAtMs: number): void {
    const { forgotten } = this.#sinceMs;
    this.#sinceMs.set(userId, followedAtMs);
    this.#parts.events.counters.followsForgotten += this.#sinceMs.forgotten - forgotten;
  }

  prepare(userIds: readonly number[]): Promise<void> | undefined {
    const unknown = new Set(userIds.filter((userId) => this.#sinceMs.get(userId) === undefined));
    return unknown.size === 0 ? undefined : within(waitMsMax, this.#read([...unknown]), () => undefined);
  }

  async #read(userIds: readonly number[]): Promise<void> {
    const { sql, events } = this.#parts;
    try {
      for (let at = 0; at < userIds.length; at += batchMax) {
        const batch = userIds.slice(at, at + batchMax);
        const found = await findFollows(sql, this.#hostId, batch);
        events.counters.followsRead += batch.length;
        // Who has followed or unfollowed meanwhile is known better already.
        for (const userId of batch) {
          if (this.#sinceMs.get(userId) === undefined) this.set(userId, found.get(userId) ?? 0);
        }
      }
    } catch (error) {
      events.followsUnread(error);
    }
  }
}

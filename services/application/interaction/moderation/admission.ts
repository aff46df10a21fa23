import type { Clock } from '@gala/lib/clock';
import type { Sql } from '@gala/lib/sql';
import { hostOfRoom } from '@gala/protocol/ids';
import type { RoomRole } from '@gala/protocol/signals';
import { Recent } from '../rules/recent.ts';
import { untilOf } from '../rules/sanctions.ts';
import { readStanding, type Standing } from '../store/chats.ts';
import type { SiteSanctions } from './site-sanctions.ts';

/** Hosts whose moderators and bans are remembered, and for how long: entrants come thousands at once. */
const hostsMax = 2000;
const keptMs = 2000;

export interface AdmissionParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly siteSanctions: SiteSanctions;
}

export interface Entrant {
  readonly roomId: number;
  /** 0 for one who has not signed in. */
  readonly userId: number;
  readonly isOperator: boolean;
}

export interface Admitted {
  readonly role: RoomRole;
  readonly isBanned: boolean;
  /** 0 for a ban without an end. */
  readonly bannedUntilMs: number;
}

/** What somebody is in a room. Any process answers it; what was changed is known everywhere two seconds later. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #standings = new Recent<number, { readonly untilMs: number; readonly read: Promise<Standing> }>(
    hostsMax,
  );

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Errors: DATABASE_UNAVAILABLE and its like. */
  async admit({ roomId, userId, isOperator }: Entrant): Promise<Admitted> {
    if (isOperator) return free('operator');
    if (userId === 0) return free('viewer');
    const hostId = hostOfRoom(roomId);
    if (userId === hostId) return free('host');
    const { moderators, bannedUntilMs } = await this.#standing(hostId);
    if (moderators.has(userId)) return free('moderator');
    const nowMs = this.#parts.clock.nowMs();
    const site = untilOf(this.#parts.siteSanctions.of(userId), { kind: 'ban', nowMs });
    const until = site ?? bannedUntilMs.get(userId);
    const isBanned = until !== undefined && (until === 0 || until > nowMs);
    return { role: 'viewer', isBanned, bannedUntilMs: isBanned ? until : 0 };
  }

  /** Changed here: the next is read anew. */
  forget(hostId: number): void {
    this.#standings.delete(hostId);
  }

  #standing(hostId: number): Promise<Standing> {
    const { sql, clock } = this.#parts;
    const known = this.#standings.get(hostId);
    if (known && known.untilMs > clock.monotonicMs()) return known.read;
    const read = readStanding(sql, hostId, clock.nowMs());
    this.#standings.set(hostId, { untilMs: clock.monotonicMs() + keptMs, read });
    read.catch(() => this.#standings.delete(hostId));
    return read;
  }
}

function free(role: RoomRole): Admitted {
  return { role, isBanned: false, bannedUntilMs: 0 };
}

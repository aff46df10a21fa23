import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@gala/lib/clock';
import type { Coord, Lease } from '@gala/lib/coord';
import type { Sql } from '@gala/lib/sql';
import type { AccountEvents } from './events.ts';
import type { SigningKeys } from './signing-keys.ts';
import { purgeSessions } from './store/sessions.ts';

const everyMs = 60_000;
const retryMs = 1000;
/** Expired sessions removed from one database at a turn; the rest waits for the next. */
const sessionsPerTurnMax = 5000;

export interface UpkeepParts {
  readonly sql: Sql;
  readonly coord: Coord;
  readonly clock: Clock;
  readonly events: AccountEvents;
  readonly signingKeys: SigningKeys;
}

/** Replaces signing keys by age and removes expired sessions; one process does, by lease. */
export class Upkeep implements AsyncDisposable {
  readonly #parts: UpkeepParts;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#done = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await using lease = await this.#parts.coord.lease('account/upkeep', 0, signal);
        await this.#lead(lease);
      } catch (error) {
        if (!signal.aborted) this.#parts.events.upkeepFailed(error);
      }
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #lead(lease: Lease): Promise<void> {
    const signal = AbortSignal.any([lease.signal, this.#stop.signal]);
    while (!signal.aborted) {
      await this.#turn();
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Both effects are guarded by what is in the database, so one turn too many does no harm. */
  async #turn(): Promise<void> {
    const { sql, clock, events, signingKeys } = this.#parts;
    await signingKeys.rotate();
    for (const { pool } of sql.shards()) {
      events.sessionsPurged(await purgeSessions(pool, clock.nowMs(), sessionsPerTurnMax));
    }
  }
}

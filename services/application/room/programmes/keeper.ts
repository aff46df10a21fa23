import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@gala/lib/clock';
import { leadByLease, type Coord } from '@gala/lib/coord';
import type { Sql } from '@gala/lib/sql';
import type { RoomConfig } from '../config.ts';
import type { Reads } from '../reads.ts';
import { closeEnded, forgetReservations } from '../store/programmes.ts';
import type { ProgrammeEvents } from './events.ts';
import { isNear } from './programme.ts';
import type { Programmes } from './programmes.ts';

/** Pause between two rounds, while a programme is near and otherwise. */
const nearMs = 1000;
const farMs = 5000;
/** Who reserved is forgotten this long after the end. */
const keptMs = 86_400_000;
const forgottenMax = 5000;

export interface KeeperParts {
  readonly sql: Sql;
  readonly coord: Coord;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'programmeWarmMs'>;
  readonly reads: Reads;
  readonly programmes: Programmes;
  readonly programmeEvents: ProgrammeEvents;
}

/**
 * Reads the hosts and rooms of programmes that are near before viewers ask for them, and closes what has ended. One
 * process does it, by lease: what it reads is in the level that processes share, and two at it do no harm.
 */
export class ProgrammeKeeper implements AsyncDisposable {
  readonly #parts: KeeperParts;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #isFailing = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#done = leadByLease({
      coord: parts.coord,
      job: 'room/programmes',
      partition: 0,
      signal: this.#stop.signal,
      lead: (_, signal) => this.#lead(signal),
      onError: (error) => this.#fail(error),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let isNearOne = false;
      try {
        isNearOne = await this.#round();
        this.#isFailing = false;
      } catch (error) {
        if (!signal.aborted) this.#fail(error);
      }
      await delay(isNearOne ? nearMs : farMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** True while a programme is near. */
  async #round(): Promise<boolean> {
    const { sql, clock, config, programmes, programmeEvents, reads } = this.#parts;
    const { pool } = sql.core();
    const nowMs = clock.nowMs();
    const planned = await programmes.planned();
    if (planned.some(({ draft }) => draft.endsAtMs <= nowMs)) {
      for (const name of await closeEnded(pool, nowMs)) {
        programmes.forget(name);
        programmeEvents.over(name);
      }
    }
    await forgetReservations(pool, nowMs - keptMs, forgottenMax);
    const near = planned.filter((each) => isNear(each, { nowMs, warmMs: config.programmeWarmMs }));
    if (near.length === 0) return false;
    const hostIds = new Set(near.flatMap(({ draft }) => draft.angles.map(({ hostId }) => hostId)));
    programmeEvents.warmed(await reads.warm([...hostIds]));
    return true;
  }

  #fail(error: unknown): void {
    this.#parts.programmeEvents.roundFailed(error, !this.#isFailing);
    this.#isFailing = true;
  }
}

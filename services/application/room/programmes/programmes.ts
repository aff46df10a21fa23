import { createHash } from 'node:crypto';
import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Metrics } from '@gala/lib/metrics';
import type { Database, Sql } from '@gala/lib/sql';
import { commonErrors, roomErrors } from '@gala/protocol/errors';
import {
  programmeDraft,
  programmeName,
  programmesMax,
  type ProgrammeDraft,
  type ProgrammePhase,
} from '@gala/protocol/programme';
import type { RoomConfig } from '../config.ts';
import type { Reads } from '../reads.ts';
import { isOnAir } from '../room.ts';
import * as store from '../store/programmes.ts';
import type { ProgrammeEvents } from './events.ts';
import { isNear, phaseOf, type AngleState, type Programme } from './programme.ts';

const ttlMs = 1000;
const listMax = 100;
const daysAheadMax = 366;
const dayMs = 86_400_000;

export interface ProgrammesParts {
  readonly sql: Sql;
  readonly reads: Reads;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'programmeWarmMs' | 'staleMsMax'>;
  readonly metrics: Metrics;
  readonly programmeEvents: ProgrammeEvents;
}

/** Who changes a programme, and why. */
export interface Steering {
  /** 0 for the operator token. */
  readonly userId: number;
  readonly isOperator: boolean;
  readonly reason: string;
}

export interface Change {
  readonly name: string;
  readonly draft: ProgrammeDraft;
  readonly steering: Steering;
}

/** A user, or a device whose user is not known. */
export type Holder = { readonly userId: number } | { readonly device: string };

export interface ShownProgramme extends Programme {
  readonly phase: ProgrammePhase;
  readonly angleStates: readonly AngleState[];
}

/**
 * Big events: hosts or cameras under one name, with a time and those who want to come. Read a moment old, and answered
 * on while the core database is down; changed by operators and by those whom a programme names.
 */
export class Programmes {
  readonly #parts: ProgrammesParts;
  readonly #planned: LoadingCache<'planned', readonly Programme[]>;
  readonly #named: LoadingCache<string, Programme | undefined>;

  constructor(parts: ProgrammesParts) {
    this.#parts = parts;
    const { clock, metrics } = parts;
    const { staleMsMax } = parts.config;
    const counters = metrics.counters('room_programme_cache', loadingCacheCounterNames);
    this.#planned = new LoadingCache({ clock, entriesMax: 1, ttlMs, staleMsMax, counters });
    this.#named = new LoadingCache({ clock, entriesMax: programmesMax, ttlMs, staleMsMax, counters });
  }

  /** Coming and running, the soonest first; a moment old. */
  async list({ limit, offset }: { readonly limit: number; readonly offset: number }) {
    const nowMs = this.#parts.clock.nowMs();
    const open = (await this.planned()).filter(({ draft }) => draft.endsAtMs > nowMs);
    const page = open.slice(offset, offset + Math.min(limit || listMax, listMax));
    return { programmes: await Promise.all(page.map((each) => this.#show(each))), total: open.length };
  }

  /** What has not been closed; some may have ended a moment ago. */
  planned(): Promise<readonly Programme[]> {
    return this.#planned.get('planned', () => store.listPlanned(this.#pool));
  }

  /** @throws CodedError PROGRAMME_UNKNOWN */
  async get(name: string): Promise<ShownProgramme> {
    return this.#show(await this.#found(name));
  }

  /** @throws CodedError PROGRAMME_EXISTS, TOO_MANY_PROGRAMMES, HOST_UNKNOWN, INVALID_REQUEST, FORBIDDEN */
  async create({ name, draft: given, steering }: Change): Promise<ShownProgramme> {
    if (!steering.isOperator) throw forbidden('only operators make programmes');
    if (!programmeName.safeParse(name).success) throw invalid('name');
    const draft = await this.#checked(given);
    const made = await store.insertProgramme(this.#pool, { name, draft, nowMs: this.#parts.clock.nowMs() });
    if (made === 'exists') throw new CodedError(roomErrors, 'PROGRAMME_EXISTS');
    if (made === 'full') throw new CodedError(roomErrors, 'TOO_MANY_PROGRAMMES');
    this.#parts.programmeEvents.created({ name, by: steering.userId, reason: steering.reason });
    return this.#changed(name);
  }

  /**
   * Replaces what `version` was; who may steer is for operators to say.
   * @throws CodedError PROGRAMME_UNKNOWN, PROGRAMME_CHANGED, PROGRAMME_CLOSED, HOST_UNKNOWN, INVALID_REQUEST, FORBIDDEN
   */
  async edit({ name, draft: given, steering, version }: Change & { readonly version: number }) {
    const before = await this.#steered(name, steering);
    const draft = await this.#checked(given);
    const stewardsBefore = before.draft.stewardIds;
    const isSame = draft.stewardIds.length === stewardsBefore.length;
    if (!steering.isOperator && !(isSame && draft.stewardIds.every((id) => stewardsBefore.includes(id))))
      throw forbidden('only operators choose who may steer');
    const nowMs = this.#parts.clock.nowMs();
    const isSaved = await store.updateProgramme(this.#pool, { name, draft, nowMs, version });
    if (!isSaved) throw await this.#refusal(name);
    this.#parts.programmeEvents.edited({ name, by: steering.userId, reason: steering.reason });
    return this.#changed(name);
  }

  /** @throws CodedError PROGRAMME_UNKNOWN, PROGRAMME_CLOSED, FORBIDDEN */
  async cancel(name: string, steering: Steering): Promise<void> {
    await this.#steered(name, steering);
    const isDone = await store.cancelProgramme(this.#pool, name, this.#parts.clock.nowMs());
    if (!isDone) throw await this.#refusal(name);
    this.#parts.programmeEvents.cancelled({ name, by: steering.userId, reason: steering.reason });
    this.forget(name);
  }

  /** Counted once for each holder, however often. @throws CodedError PROGRAMME_UNKNOWN, PROGRAMME_CLOSED, RESERVATIONS_FULL */
  async setReserved(name: string, holder: Holder, isWanted: boolean): Promise<void> {
    const programme = await this.#found(name);
    const { clock, programmeEvents } = this.#parts;
    if (programme.state !== 'planned' || programme.draft.endsAtMs <= clock.nowMs())
      throw new CodedError(roomErrors, 'PROGRAMME_CLOSED');
    const asked = { programmeId: programme.programmeId, holder: hashOf(holder) };
    if (!isWanted) return store.deleteReservation(this.#pool, asked);
    if ((await store.insertReservation(this.#pool, asked)) === 'kept') return;
    programmeEvents.reservationRefused();
    throw new CodedError(roomErrors, 'RESERVATIONS_FULL');
  }

  /** @throws CodedError PROGRAMME_UNKNOWN */
  async isReserved(name: string, holder: Holder): Promise<boolean> {
    const { programmeId } = await this.#found(name);
    return store.hasReservation(this.#pool, { programmeId, holder: hashOf(holder) });
  }

  /** Read anew from now on; other processes do within a second. */
  forget(name: string): void {
    this.#planned.delete('planned');
    this.#named.delete(name);
  }

  get #pool(): Database['pool'] {
    return this.#parts.sql.core().pool;
  }

  async #found(name: string): Promise<Programme> {
    const find = () => store.findProgramme(this.#pool, name);
    const programme = programmeName.safeParse(name).success ? await this.#named.get(name, find) : undefined;
    if (!programme) throw new CodedError(roomErrors, 'PROGRAMME_UNKNOWN');
    return programme;
  }

  async #steered(name: string, { userId, isOperator }: Steering): Promise<Programme> {
    const programme = await store.findProgramme(this.#pool, name);
    if (!programme) throw new CodedError(roomErrors, 'PROGRAMME_UNKNOWN');
    if (!isOperator && !programme.draft.stewardIds.includes(userId))
      throw forbidden('you may not steer this programme');
    return programme;
  }

  async #refusal(name: string): Promise<CodedError> {
    const now = await store.findProgramme(this.#pool, name);
    return new CodedError(roomErrors, now?.state === 'planned' ? 'PROGRAMME_CHANGED' : 'PROGRAMME_CLOSED');
  }

  async #changed(name: string): Promise<ShownProgramme> {
    this.forget(name);
    return this.get(name);
  }

  async #checked(given: ProgrammeDraft): Promise<ProgrammeDraft> {
    const checked = programmeDraft.safeParse(given);
    if (!checked.success) throw invalid(checked.error.issues[0].message);
    const draft = checked.data;
    const nowMs = this.#parts.clock.nowMs();
    if (draft.endsAtMs <= nowMs) throw invalid('it has ended already');
    if (draft.startsAtMs > nowMs + daysAheadMax * dayMs) throw invalid('it is too far ahead');
    const hosts = await Promise.all(draft.angles.map(({ hostId }) => this.#parts.reads.host(hostId)));
    if (hosts.includes(undefined)) throw new CodedError(roomErrors, 'HOST_UNKNOWN');
    return draft;
  }

  async #show(programme: Programme): Promise<ShownProgramme> {
    const time = { nowMs: this.#parts.clock.nowMs(), warmMs: this.#parts.config.programmeWarmMs };
    const isWatched = isNear(programme, time);
    const angleStates = await Promise.all(
      programme.draft.angles.map(({ hostId }) => this.#angleState(hostId, isWatched)),
    );
    const phase = phaseOf(programme, { ...time, isOnAir: angleStates.some((angle) => angle.isOnAir) });
    return { ...programme, phase, angleStates };
  }

  /** An angle whose host cannot be read, or who is on air for himself alone, is shown as not on air. */
  async #angleState(hostId: number, isWatched: boolean): Promise<AngleState> {
    const { reads } = this.#parts;
    const [host, room] = await Promise.all([
      reads.host(hostId).catch(() => undefined),
      isWatched ? reads.presentRoom(hostId).catch(() => undefined) : undefined,
    ]);
    const isShown = room !== undefined && isOnAir(room) && room.visibility === 'public';
    return { hostName: host?.name ?? '', isOnAir: isShown };
  }
}

/** Nothing that identifies a user or device lies with a reservation. */
function hashOf(holder: Holder): Buffer {
  const text = 'device' in holder ? `device ${holder.device}` : `user ${holder.userId}`;
  return createHash('sha256').update(text).digest().subarray(0, 16);
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

function forbidden(detail: string): CodedError {
  return new CodedError(commonErrors, 'FORBIDDEN', { detail });
}

import type { ProgrammeDraft, ProgrammePhase } from '@gala/protocol/programme';

/** A big event: several hosts, or several cameras, under one name for a time. */
export interface Programme {
  readonly programmeId: number;
  readonly name: string;
  readonly state: 'planned' | 'over' | 'cancelled';
  readonly draft: ProgrammeDraft;
  readonly version: number;
  readonly reservations: number;
}

/** How an angle of the draft stands, in the same place. */
export interface AngleState {
  readonly hostName: string;
  readonly isOnAir: boolean;
}

export interface PhaseNow {
  readonly nowMs: number;
  /** How long before its beginning caches are warmed. */
  readonly warmMs: number;
  readonly isOnAir: boolean;
}

/** What is planned follows from the clock and its hosts; nobody has to say that it begins or ends. */
export function phaseOf({ state, draft }: Programme, { nowMs, warmMs, isOnAir }: PhaseNow): ProgrammePhase {
  if (state !== 'planned') return state;
  if (nowMs >= draft.endsAtMs) return 'over';
  if (nowMs < draft.startsAtMs - warmMs) return 'planned';
  return isOnAir ? 'live' : 'countdown';
}

/** From a moment before it begins until its end. */
export function isNear({ state, draft }: Programme, { nowMs, warmMs }: Omit<PhaseNow, 'isOnAir'>): boolean {
  return state === 'planned' && nowMs >= draft.startsAtMs - warmMs && nowMs < draft.endsAtMs;
}

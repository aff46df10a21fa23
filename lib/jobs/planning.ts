import { nextAfter, timesBetween, type Schedule } from './schedule.ts';
import type { MisfirePolicy } from './ticks.ts';

/** What is done when a run of the plan comes due while an earlier one is waiting or running. */
export type OverlapPolicy = 'skip' | 'queue' | 'concurrent';

export interface PlanPolicies {
  readonly onOverlap: OverlapPolicy;
  /** Open runs of the plan at once, with `concurrent`. */
  readonly concurrencyMax: number;
  readonly onMisfire: MisfirePolicy;
  /** A run that could not be begun for this long was missed. */
  readonly misfireMs: number;
}

export interface PlanState {
  /** When it is next due; undefined when it never is any more. */
  readonly nextMs: number | undefined;
  /** The run that waits for an earlier one to end, by the time it was due. */
  readonly queuedMs: number | undefined;
}

export interface PlanMoment extends PlanState {
  readonly schedule: Schedule;
  readonly policies: PlanPolicies;
  readonly nowMs: number;
  /** Runs of the plan that wait or run. */
  readonly open: number;
}

export interface PlanDecision extends PlanState {
  /** Runs to begin now, by the times they were due. */
  readonly starts: readonly number[];
  /** Runs that the overlap policy left out. */
  readonly skipped: number;
  /** Runs that the misfire policy left out. */
  readonly missed: number;
}

/** What is to be done about a plan now. */
export function decidePlan(moment: PlanMoment): PlanDecision {
  const { schedule, nowMs, nextMs } = moment;
  const starting = new Starting(moment);
  starting.startQueued();
  if (nextMs === undefined || nextMs > nowMs) return starting.decision(nextMs, 0);
  const due = dueRuns(moment, nextMs);
  for (const run of due.runs) {
    if (starting.take(run)) continue;
    // Caught up one after the other: this one's turn comes when the earlier ones have ended.
    return starting.decision(run.dueMs, due.missed);
  }
  return starting.decision(nextAfter(schedule, nowMs), due.missed);
}

interface DueRun {
  readonly dueMs: number;
  /** It was missed, and is made up for. */
  readonly isLate: boolean;
}

function dueRuns({ schedule, policies, nowMs }: PlanMoment, nextMs: number) {
  const times = timesBetween(schedule, nextMs, nowMs);
  const late = times.filter((dueMs) => nowMs - dueMs >= policies.misfireMs);
  const onTime = times.slice(late.length);
  const kept = keptOf(late, onTime.length > 0, policies.onMisfire);
  const runs: DueRun[] = [
    ...kept.map((dueMs) => ({ dueMs, isLate: true })),
    ...onTime.map((dueMs) => ({ dueMs, isLate: false })),
  ];
  return { runs, missed: late.length - kept.length };
}

function keptOf(late: readonly number[], hasNewer: boolean, policy: MisfirePolicy): readonly number[] {
  if (policy === 'ignore' || late.length === 0) return [];
  if (policy === 'once') return hasNewer ? [] : late.slice(-1);
  return policy.catchUp > 0 ? late.slice(-policy.catchUp) : [];
}

/** Begins what the overlap policy lets begin. */
class Starting {
  readonly #moment: PlanMoment;
  readonly #starts: number[] = [];
  #queuedMs: number | undefined;
  #skipped = 0;

  constructor(moment: PlanMoment) {
    this.#moment = moment;
    this.#queuedMs = moment.queuedMs;
  }

  startQueued(): void {
    if (this.#queuedMs === undefined || !this.#isFree()) return;
    this.#starts.push(this.#queuedMs);
    this.#queuedMs = undefined;
  }

  /** False when the run has to wait for its turn. */
  take({ dueMs, isLate }: DueRun): boolean {
    const { onMisfire, onOverlap } = this.#moment.policies;
    if (this.#isFree()) this.#starts.push(dueMs);
    else if (isLate && typeof onMisfire === 'object') return false;
    else if (onOverlap === 'queue' && this.#queuedMs === undefined) this.#queuedMs = dueMs;
    else this.#skipped++;
    return true;
  }

  decision(nextMs: number | undefined, missed: number): PlanDecision {
    return { starts: this.#starts, queuedMs: this.#queuedMs, skipped: this.#skipped, nextMs, missed };
  }

  #isFree(): boolean {
    const { policies, open } = this.#moment;
    const openMax = policies.onOverlap === 'concurrent' ? policies.concurrencyMax : 1;
    return open + this.#starts.length < openMax;
  }
}

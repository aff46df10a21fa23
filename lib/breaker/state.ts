import {
  addCall,
  clearCalls,
  createCountWindow,
  createTimeWindow,
  failed,
  slow,
  type CountWindow,
  type TimeWindow,
} from './window.ts';

export type BreakerPhase = 'closed' | 'open' | 'halfOpen';

/** When a breaker trips and how it comes back. Thresholds that are left out do not trip. */
export interface BreakerPolicy {
  /** Calls that are judged: the last so many, or those of the last so many ms. */
  readonly window?: { readonly calls: number } | { readonly ms: number };
  /** Trips at this number of failures in the window. */
  readonly tripFailures?: number;
  /** Trips at this share (0..1) of failures in the window; 0.5 unless told. */
  readonly tripFailureRate?: number;
  /** Trips at this share (0..1) of calls that took `slowMs` or longer. */
  readonly tripSlowRate?: number;
  readonly slowMs?: number;
  /** Rates mean nothing below this number of calls in the window. */
  readonly callsMin?: number;
  /** Successes in a row, one probe at a time, that close it again. */
  readonly probes?: number;
  /** A probe that has not come back for this long counts as failed. */
  readonly probeMsMax?: number;
  /** Bounds of the open time; between them it is the mean time to repair as measured. */
  readonly openMsMin?: number;
  readonly openMsMax?: number;
}

export type FullPolicy = Required<BreakerPolicy>;

const bucketCount = 10;
/** Weight of the newest outage in the mean time to repair. */
const newestWeight = 0.3;

/** The policy with its defaults; a window of few calls is judged as soon as it is full. */
export function completePolicy(policy: BreakerPolicy = {}): FullPolicy {
  const full = { ...defaults, ...policy };
  const windowCalls = 'calls' in full.window ? full.window.calls : Infinity;
  return { ...full, callsMin: Math.min(full.callsMin, windowCalls) };
}

const defaults: FullPolicy = {
  window: { ms: 10_000 },
  tripFailures: Infinity,
  tripFailureRate: 0.5,
  tripSlowRate: Infinity,
  slowMs: Infinity,
  callsMin: 20,
  probes: 3,
  probeMsMax: 10_000,
  openMsMin: 1000,
  openMsMax: 60_000,
};

/**
 * The breaker without clock and promises: inputs are calls that ask to pass and what became of them. A call
 * that may pass gets a permit; a permit is honoured only in the state that gave it, so that what comes late says
 * nothing about another state. All fields are plain, so that a model checker can copy and compare states.
 */
export class BreakerState {
  phase: BreakerPhase = 'closed';
  /** The one permit that is honoured now: shared by all calls while closed, that of the one probe while half-open. */
  permit = 1;
  /** Open: the end of it. Half-open: when the probe under way expires; -Infinity while none is. */
  untilMs = -Infinity;
  /** Successes in a row since half-open. */
  successes = 0;
  /** Changes of phase so far. */
  changes = 0;
  /** Mean time to repair (EWMA); 0 before the first outage is over. */
  repairMs = 0;
  openedAtMs = 0;
  lastFailureMs = 0;
  firstSuccessMs = 0;
  readonly window: CountWindow | TimeWindow;
  readonly policy: FullPolicy;

  constructor(policy: FullPolicy) {
    this.policy = policy;
    this.window =
      'calls' in policy.window
        ? createCountWindow(policy.window.calls)
        : createTimeWindow(policy.window.ms, bucketCount);
  }

  /** A permit to call, or 0 when the call must not be made. */
  enter(nowMs: number): number {
    return this.phase === 'closed' ? this.permit : enterProbe(this, nowMs);
  }

  /** What became of a call: marks of window.ts. */
  settle(permit: number, marks: number, nowMs: number): void {
    expire(this, nowMs);
    if (permit !== this.permit || this.phase === 'open') return;
    if (this.phase === 'closed') {
      addCall(this.window, marks, nowMs);
      if (isOverThreshold(this)) trip(this, nowMs);
    } else {
      settleProbe(this, marks, nowMs);
    }
  }

  /** Gives a permit back without a verdict, as when the caller went away: the next call may probe. */
  abandon(permit: number, nowMs: number): void {
    expire(this, nowMs);
    if (permit !== this.permit || this.phase !== 'halfOpen') return;
    this.permit++;
    this.untilMs = -Infinity;
  }

  /** How long it stays open each time. */
  openMs(): number {
    const { openMsMin, openMsMax } = this.policy;
    return Math.min(openMsMax, Math.max(openMsMin, this.repairMs));
  }
}

function enterProbe(state: BreakerState, nowMs: number): number {
  expire(state, nowMs);
  if (state.phase === 'open') {
    if (nowMs < state.untilMs) return 0;
    turn(state, 'halfOpen');
    state.successes = 0;
  } else if (state.untilMs !== -Infinity) {
    return 0;
  }
  state.permit++;
  state.untilMs = nowMs + state.policy.probeMsMax;
  return state.permit;
}

/** A probe that never came back failed at the moment it expired, whoever notices it when. */
function expire(state: BreakerState, nowMs: number): void {
  const isExpired = state.phase === 'halfOpen' && state.untilMs !== -Infinity && nowMs >= state.untilMs;
  if (isExpired) openAgain(state, state.untilMs);
}

function settleProbe(state: BreakerState, marks: number, nowMs: number): void {
  const isSlow = (marks & slow) !== 0 && state.policy.tripSlowRate <= 1;
  if (marks & failed || isSlow) return openAgain(state, nowMs);
  state.permit++;
  state.untilMs = -Infinity;
  if (state.successes === 0) state.firstSuccessMs = nowMs;
  if (++state.successes >= state.policy.probes) close(state);
}

function isOverThreshold({ window, policy }: BreakerState): boolean {
  const { calls, failures, slows } = window;
  if (failures === 0 && slows === 0) return false;
  if (failures >= policy.tripFailures) return true;
  if (calls < policy.callsMin) return false;
  return failures >= policy.tripFailureRate * calls || slows >= policy.tripSlowRate * calls;
}

function trip(state: BreakerState, nowMs: number): void {
  state.openedAtMs = nowMs;
  openAgain(state, nowMs);
}

function openAgain(state: BreakerState, atMs: number): void {
  turn(state, 'open');
  state.lastFailureMs = atMs;
  state.untilMs = atMs + state.openMs();
}

/**
 * The repair came between the last failure and the first success after it; the middle is taken. The plain time
 * from open to closed contains the open time itself, so a mean of it could grow but never shrink again.
 */
function close(state: BreakerState): void {
  turn(state, 'closed');
  state.untilMs = -Infinity;
  clearCalls(state.window);
  const repairMs = (state.lastFailureMs + state.firstSuccessMs) / 2 - state.openedAtMs;
  const isFirst = state.repairMs === 0;
  state.repairMs = isFirst ? repairMs : state.repairMs + newestWeight * (repairMs - state.repairMs);
}

/** Permits of the phase before are worth nothing in the next. */
function turn(state: BreakerState, phase: BreakerPhase): void {
  state.phase = phase;
  state.permit++;
  state.changes++;
}

import type { Clock } from '../clock/index.ts';
import { CodedError, hasCode } from '../error/index.ts';
import { breakerErrors } from './errors.ts';
import { BreakerState, completePolicy, type BreakerPhase, type BreakerPolicy } from './state.ts';
import { failed, slow, succeeded } from './window.ts';

/** One turn of a breaker, for logs and alarms. */
export interface BreakerChange {
  readonly dependency: string;
  readonly instance: string;
  readonly from: BreakerPhase;
  readonly to: BreakerPhase;
  /** How long it stays open, when it has opened. */
  readonly openMs: number;
}

export type BreakerCounters = Record<'opened' | 'closed' | 'probes' | 'refusals', number>;

export interface BreakerOptions {
  readonly dependency: string;
  readonly instance?: string;
  readonly policy?: BreakerPolicy;
  /**
   * True for errors that say the dependency is ill. Otherwise: all but coded answers below 500, which say that
   * the caller is wrong and the dependency well.
   */
  readonly isFailure?: (error: unknown) => boolean;
}

export interface RunOptions {
  /** Handed to the work. A cancel says nothing of the dependency, unless it came after `slowMs`; a deadline does. */
  readonly signal?: AbortSignal;
}

interface BreakerTools {
  readonly clock: Clock;
  readonly counters: BreakerCounters;
  readonly onChange: (change: BreakerChange) => void;
}

/** Keeps calls from a dependency that fails or is slow, and lets them back one at a time. */
export class Breaker {
  readonly dependency: string;
  readonly instance: string;
  readonly #state: BreakerState;
  readonly #tools: BreakerTools;
  readonly #isFailure: (error: unknown) => boolean;

  constructor(options: BreakerOptions, tools: BreakerTools) {
    this.dependency = options.dependency;
    this.instance = options.instance ?? '';
    this.#state = new BreakerState(completePolicy(options.policy));
    this.#tools = tools;
    this.#isFailure = options.isFailure ?? isIllness;
  }

  get phase(): BreakerPhase {
    return this.#state.phase;
  }

  /** Mean time to repair as measured; 0 before the first outage is over. */
  get repairMs(): number {
    return this.#state.repairMs;
  }

  /**
   * Runs `work` if the dependency may be called. Errors: those of `work`; BREAKER_OPEN with
   * `retryAfterSeconds`; the signal's reason if it is aborted before the work began.
   */
  async run<Result>(
    work: (signal: AbortSignal | undefined) => Promise<Result>,
    { signal }: RunOptions = noOptions,
  ): Promise<Result> {
    signal?.throwIfAborted();
    const startMs = this.#tools.clock.monotonicMs();
    const permit = this.#enter(startMs);
    try {
      const result = await work(signal);
      this.#settle(permit, succeeded, startMs);
      return result;
    } catch (error) {
      if (isCancel(error, signal)) this.#cancel(permit, startMs);
      else this.#settle(permit, this.#isFailure(error) ? failed : succeeded, startMs);
      throw error;
    }
  }

  #enter(nowMs: number): number {
    const state = this.#state;
    if (state.phase === 'closed') return state.permit;
    const { phase, changes } = state;
    const permit = state.enter(nowMs);
    this.#note(phase, changes);
    if (permit === 0) throw this.#refusal(nowMs);
    this.#tools.counters.probes++;
    return permit;
  }

  #refusal(nowMs: number): CodedError {
    this.#tools.counters.refusals++;
    const retryAfterSeconds = Math.max(1, Math.ceil((this.#state.untilMs - nowMs) / 1000));
    const detail = this.instance ? `${this.dependency} ${this.instance}` : this.dependency;
    return new CodedError(breakerErrors, 'BREAKER_OPEN', { detail, retryAfterSeconds });
  }

  #cancel(permit: number, startMs: number): void {
    const nowMs = this.#tools.clock.monotonicMs();
    if (nowMs - startMs >= this.#state.policy.slowMs) return this.#settle(permit, succeeded, startMs);
    const { phase, changes } = this.#state;
    this.#state.abandon(permit, nowMs);
    this.#note(phase, changes);
  }

  #settle(permit: number, marks: number, startMs: number): void {
    const state = this.#state;
    const nowMs = this.#tools.clock.monotonicMs();
    const { phase, changes } = state;
    state.settle(permit, nowMs - startMs >= state.policy.slowMs ? marks | slow : marks, nowMs);
    if (state.changes !== changes) this.#note(phase, changes);
  }

  #note(from: BreakerPhase, changesBefore: number): void {
    const { phase: to, changes } = this.#state;
    if (changes === changesBefore) return;
    const { counters, onChange } = this.#tools;
    // Two turns at once are a probe that expired unnoticed, and the next one.
    if (to === 'open' || changes - changesBefore > 1) counters.opened++;
    if (to === 'closed') counters.closed++;
    const openMs = to === 'open' ? this.#state.openMs() : 0;
    onChange({ dependency: this.dependency, instance: this.instance, from, to, openMs });
  }
}

const noOptions: RunOptions = {};

/** Of an aborted signal its reason counts, whatever the work made of it. */
function isCancel(error: unknown, signal: AbortSignal | undefined): boolean {
  if (!signal?.aborted) return hasCode(error, 'CANCELLED');
  const reason: unknown = signal.reason;
  const isDeadline =
    reason instanceof CodedError ? reason.http === 504 : (reason as Error | null)?.name === 'TimeoutError';
  return !isDeadline;
}

function isIllness(error: unknown): boolean {
  return error instanceof CodedError ? error.http >= 500 : true;
}

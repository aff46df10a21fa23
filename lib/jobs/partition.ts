import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock/index.ts';
import type { Coord, Lease } from '../coord/index.ts';
import { CodedError, codeOf, hasCode } from '../error/index.ts';
import { Backoff } from '../timing/index.ts';
import { jobErrors } from './errors.ts';
import { drainMsMax, note } from './limits.ts';
import { TickRun } from './tick-run.ts';
import type { TickStore } from './tick-store.ts';
import type { ShardEvents } from './shard-events.ts';
import { dueAtMs, dueTick, firstTick, nextTick, tickTimes, type TickTimes } from './ticks.ts';
import type { ShardOptions, TickHandler } from './types.ts';
import type { Database } from '../sql/index.ts';

export interface ShardParts {
  readonly options: ShardOptions & { readonly partitions: number };
  readonly handler: TickHandler;
  readonly database: Database;
  readonly coord: Coord;
  readonly clock: Clock;
  readonly store: TickStore;
  readonly events: ShardEvents;
}

const retryMs = { initialMs: 100, maxMs: 2000 };
const timerMsMax = 2 ** 31 - 1;

/** One partition of a sharded job that is planned for this process: waits for its lease, then ticks under it. */
export class Partition {
  /** Its lease is held here. */
  isHeld = false;
  readonly #parts: ShardParts;
  readonly #number: number;
  readonly #times: TickTimes;
  /** The last tick failed, which is said once until one does not. */
  #isFailing = false;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** Handler that has not ended: the partition has no other in this process before. */
  #working: Promise<unknown> | undefined;

  constructor(parts: ShardParts, number: number) {
    this.#parts = parts;
    this.#number = number;
    this.#times = tickTimes(parts.options.intervalMs, number, parts.options.partitions);
    this.#done = this.#run();
  }

  /** No tick begins any more; one under way has a second to end, is told, and left to its fence a second later. */
  giveBack(): Promise<void> {
    this.#stop.abort(new CodedError(jobErrors, 'JOBS_CLOSED'));
    return this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      try {
        await using lease = await this.#parts.coord.lease(this.#parts.options.job, this.#number, signal);
        this.isHeld = true;
        await this.#hold(lease);
        backoff.reset();
      } catch (error) {
        if (signal.aborted || hasCode(error, 'COORD_CLOSED')) return;
        this.#parts.events.partitionFailed(this.#parts.options.job, this.#number, error);
      } finally {
        this.isHeld = false;
      }
      await backoff.wait(signal).catch(() => undefined);
    }
  }

  async #hold(lease: Lease): Promise<void> {
    await this.#working;
    const { job, onMisfire = 'once', onOverrun = 'skip' } = this.#parts.options;
    const { store, events } = this.#parts;
    const hold = new AbortController();
    const ends = AbortSignal.any([lease.signal, this.#stop.signal, hold.signal]);
    const { fence } = lease;
    const done = await store.open({ job, partition: this.#number, fence, times: this.#times }, ends);
    const due = this.#due();
    let tick = firstTick(done, due, onMisfire);
    events.partitionTaken({
      job,
      partition: this.#number,
      fence,
      tick,
      missed: Math.max(0, tick - done - 1),
    });
    while (await this.#wait(tick, ends)) {
      const end = await this.#tick({ tick, fence, lease: lease.signal, hold });
      if (end === 'lost') return;
      const next = tick < due ? tick + 1 : nextTick(tick, this.#due(), onOverrun);
      const skipped = next - tick - 1;
      events.ticksSkipped(skipped);
      store.end({
        end: { job, partition: this.#number, tick, fence, skipped, ...end },
        lost: () => hold.abort(new CodedError(jobErrors, 'JOB_LOST')),
      });
      tick = next;
    }
    // The next worker should know of what was done here.
    await store.settled();
  }

  #due(): number {
    return dueTick(this.#times, this.#parts.store.time.nowMs());
  }

  /** False when the partition is not this process's before the tick is due. */
  async #wait(tick: number, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      if (signal.aborted) return false;
      const waitMs = dueAtMs(this.#times, tick) - this.#parts.store.time.nowMs();
      if (waitMs <= 0) return true;
      await sleep(Math.min(Math.ceil(waitMs), timerMsMax), undefined, { signal }).catch(() => undefined);
    }
  }

  /** All attempts at a tick. */
  async #tick(of: { tick: number; fence: number; lease: AbortSignal; hold: AbortController }) {
    const { retries = 0, retryMs: waits = { initial: 100, max: 5000 } } = this.#parts.options;
    const { events, store, clock } = this.#parts;
    const dueMs = dueAtMs(this.#times, of.tick);
    const lateMs = store.time.nowMs() - dueMs;
    events.lateness.observe(lateMs / 1000);
    const beganMs = clock.monotonicMs();
    const backoff = new Backoff({ initialMs: waits.initial, maxMs: waits.max });
    const ends = AbortSignal.any([of.lease, of.hold.signal]);
    for (let attempt = 1; ; attempt++) {
      const error = await this.#attempt({ ...of, ends, dueMs, attempt });
      if (ends.aborted || hasCode(error, 'JOB_LOST')) return 'lost';
      const isDone = error === undefined || hasCode(error, 'TICK_DONE');
      const isLast = isDone || attempt > retries;
      // What is given back before it was done is the next worker's to do.
      const isLeft = hasCode(error, 'JOBS_CLOSED') || !isLast;
      if (isLeft && this.#stop.signal.aborted) return 'lost';
      if (isDone) events.tickDone();
      else
        events.tickFailed({
          job: this.#parts.options.job,
          partition: this.#number,
          tick: of.tick,
          attempt,
          isLast,
          isFirst: !this.#isFailing,
          error,
        });
      if (isLast) this.#isFailing = !isDone;
      if (isLast)
        return { lateMs, durationMs: clock.monotonicMs() - beganMs, ...errorOf(isDone ? undefined : error) };
      await backoff.wait(AbortSignal.any([ends, this.#stop.signal])).catch(() => undefined);
    }
  }

  /** The error of one call of the handler, undefined when there was none. */
  async #attempt(of: {
    tick: number;
    fence: number;
    ends: AbortSignal;
    dueMs: number;
    attempt: number;
  }): Promise<unknown> {
    const { options, handler, database } = this.#parts;
    const { job, partitions, timeLimitMs = 60_000 } = options;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new CodedError(jobErrors, 'JOB_TIMED_OUT')), timeLimitMs);
    const signal = AbortSignal.any([of.ends, limit.signal]);
    const { tick, dueMs, attempt, fence } = of;
    const run = new TickRun({
      job,
      partition: this.#number,
      of: partitions,
      tick,
      dueMs,
      attempt,
      fence,
      signal,
      pool: database.pool,
    });
    const drained = this.#drained(limit);
    const work = Promise.try(handler, run).then(() => undefined, orUnknown);
    this.#working = work;
    const error = await Promise.race([work, drained.gaveUp]);
    clearTimeout(timer);
    drained.cancel();
    return error !== undefined && signal.aborted && !hasCode(error, 'TICK_DONE')
      ? (signal.reason as unknown)
      : error;
  }

  /** Once the partition is to be given back, the handler is told after a second and left alone after another. */
  #drained(limit: AbortController) {
    const { promise: gaveUp, resolve } = Promise.withResolvers<unknown>();
    const timers: NodeJS.Timeout[] = [];
    const { signal } = this.#stop;
    const drain = (): void => {
      const closed = new CodedError(jobErrors, 'JOBS_CLOSED');
      timers.push(setTimeout(() => limit.abort(closed), drainMsMax));
      timers.push(setTimeout(() => resolve(closed), 2 * drainMsMax));
    };
    if (signal.aborted) drain();
    else signal.addEventListener('abort', drain, { once: true });
    const cancel = (): void => {
      signal.removeEventListener('abort', drain);
      for (const timer of timers) clearTimeout(timer);
    };
    return { gaveUp, cancel };
  }
}

const orUnknown = (error: unknown): unknown => error ?? new Error('a handler failed without an error');

function errorOf(error: unknown): { errorCode: string; errorMessage: string } {
  if (error === undefined) return { errorCode: '', errorMessage: '' };
  return {
    errorCode: codeOf(error),
    errorMessage: note(error instanceof Error ? error.message : 'what was thrown is no error'),
  };
}

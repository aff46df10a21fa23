import type { Clock } from '../clock/index.ts';
import { assertBelow, leaseMarginMs, leasesMax, ttlMs } from './limits.ts';
import type { LeaseKey, LeaseRow } from './rows.ts';
import type { Lease } from './types.ts';

export interface HeldLease extends LeaseRow {
  readonly abort: AbortController;
  /** Monotonic time at which the holder stops, whatever the engine says later. */
  deadlineMs: number;
}

interface Waiter extends LeaseKey {
  resolve(lease: HeldLease): void;
  reject(error: unknown): void;
}

/**
 * What this process holds and waits for. A lease ends here, by the monotonic clock, before the engine can
 * give it to another: the deadline counts from when the renewal was sent, not from its answer.
 */
export class LeaseTable {
  readonly #clock: Clock;
  readonly #held = new Map<string, HeldLease>();
  /** In the order of asking; only the first waiter of a partition tries. */
  readonly #waiters = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  held(): HeldLease[] {
    return [...this.#held.values()];
  }

  /** Leases to try for: what this process holds already is not taken from itself. */
  wanted(): LeaseKey[] {
    const wanted = new Map<string, LeaseKey>();
    for (const { job, partition } of this.#waiters) {
      const name = nameOf({ job, partition });
      if (!this.#held.has(name)) wanted.set(name, { job, partition });
    }
    return [...wanted.values()];
  }

  /** Waits until `grant` gives the lease. Errors: COORD_LIMIT, the reason of `signal`. */
  wait(key: LeaseKey, signal: AbortSignal | undefined): Promise<HeldLease> {
    signal?.throwIfAborted();
    assertBelow(this.#waiters.size + this.#held.size, leasesMax, 'leases');
    const { promise, resolve, reject } = Promise.withResolvers<HeldLease>();
    const waiter: Waiter = { ...key, resolve, reject };
    const give = (): void => {
      this.#waiters.delete(waiter);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', give, { once: true });
    this.#waiters.add(waiter);
    return promise.finally(() => signal?.removeEventListener('abort', give));
  }

  /** Hands a claimed lease to the first who waits; false when nobody does any more. */
  grant(row: LeaseRow, sentMs: number): boolean {
    const waiter = [...this.#waiters].find(
      ({ job, partition }) => job === row.job && partition === row.partition,
    );
    if (!waiter) return false;
    this.#waiters.delete(waiter);
    const lease: HeldLease = { ...row, abort: new AbortController(), deadlineMs: deadlineAfter(sentMs) };
    this.#held.set(nameOf(row), lease);
    this.#arm();
    waiter.resolve(lease);
    return true;
  }

  /** Takes the answer of a renewal of `asked`; what is missing was lost to another. Returns how many. */
  renewed(asked: readonly HeldLease[], answered: readonly LeaseRow[], sentMs: number): number {
    const fences = new Map(answered.map((row) => [nameOf(row), row.fence]));
    let lost = 0;
    for (const lease of asked) {
      if (this.#held.get(nameOf(lease)) !== lease) continue;
      if (fences.get(nameOf(lease)) === lease.fence) lease.deadlineMs = deadlineAfter(sentMs);
      else {
        lost++;
        this.drop(lease);
      }
    }
    this.#arm();
    return lost;
  }

  /** Aborts the signal; true when the lease was still held. */
  drop(lease: HeldLease): boolean {
    if (this.#held.get(nameOf(lease)) !== lease) return false;
    this.#held.delete(nameOf(lease));
    lease.abort.abort();
    return true;
  }

  close(error: unknown): HeldLease[] {
    clearTimeout(this.#timer);
    const held = this.held();
    for (const lease of held) this.drop(lease);
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
    return held;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#held.size === 0) return;
    const earliest = Math.min(...this.held().map(({ deadlineMs }) => deadlineMs));
    const waitMs = Math.max(0, earliest - this.#clock.monotonicMs());
    this.#timer = setTimeout(() => this.#expire(), waitMs).unref();
  }

  #expire(): void {
    const now = this.#clock.monotonicMs();
    for (const lease of this.held()) if (lease.deadlineMs <= now) this.drop(lease);
    this.#arm();
  }
}

/** The lease as callers see it. */
export function leaseOf(held: HeldLease, giveBack: () => Promise<void>): Lease {
  const { job, partition, fence, abort } = held;
  return { job, partition, fence, signal: abort.signal, [Symbol.asyncDispose]: giveBack };
}

function deadlineAfter(sentMs: number): number {
  return sentMs + ttlMs - leaseMarginMs;
}

export function nameOf({ job, partition }: LeaseKey): string {
  return `${partition} ${job}`;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../error/index.ts';

/** Codes of lib/timing. */
export const timingErrors = {
  WAIT_TIMED_OUT: { http: 504, grpc: 4, message: 'what was waited for did not come' },
} as const;

export interface WaitOptions {
  readonly timeoutMs: number;
  /** What is waited for, for the error. */
  readonly what?: string;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks `condition` until it answers something true, and answers that. Errors of `condition` count as "not yet";
 * the last one is the cause of the time-out.
 * @throws CodedError WAIT_TIMED_OUT, or the signal's reason.
 */
export async function waitUntil<Value>(
  condition: () => Value | Promise<Value>,
  { timeoutMs, what, intervalMs = 20, signal }: WaitOptions,
): Promise<NonNullable<Value>> {
  const endsAtMs = performance.now() + timeoutMs;
  for (let cause: unknown; ;) {
    signal?.throwIfAborted();
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= endsAtMs)
      throw new CodedError(timingErrors, 'WAIT_TIMED_OUT', { cause, detail: what });
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

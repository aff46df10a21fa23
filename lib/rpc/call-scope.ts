import { hasCode } from '../error/index.ts';
import { rpcError } from './errors.ts';

/** Node turns longer timers into 1 ms. */
const timerMsMax = 0x7f_ff_ff_ff;

/** The life of one call at the caller: its deadline and its caller's cancel as one signal. */
export class CallScope implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #outer: AbortSignal | undefined;
  readonly #endsAtMs: number;

  constructor(timeoutMs: number | undefined, outer: AbortSignal | undefined) {
    this.#endsAtMs = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
    this.#outer = outer;
    if (timeoutMs !== undefined) this.#timer = setTimeout(this.#onDeadline, Math.min(timeoutMs, timerMsMax));
    if (outer?.aborted) this.#onCancel();
    else outer?.addEventListener('abort', this.#onCancel, { once: true });
  }

  /** Aborted with the CodedError that the caller gets: DEADLINE_EXCEEDED or CANCELLED. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Infinity without a deadline. */
  remainingMs(): number {
    return Math.max(0, this.#endsAtMs - performance.now());
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onCancel);
  }

  readonly #onDeadline = (): void => this.#controller.abort(rpcError('DEADLINE_EXCEEDED'));

  /** A call inside another call that has run out of time has run out of time as well. */
  readonly #onCancel = (): void => {
    const cause: unknown = this.#outer?.reason;
    this.#controller.abort(
      rpcError(hasCode(cause, 'DEADLINE_EXCEEDED') ? 'DEADLINE_EXCEEDED' : 'CANCELLED', { cause }),
    );
  };
}

/** `promise`, or the signal's reason as soon as it is aborted. Nothing is left on the signal afterwards. */
export function abortable<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Resolves after `ms`, when `signal` is aborted or when `woken` calls its argument. */
export function pause(
  ms: number,
  signal: AbortSignal,
  woken: (wake: () => void) => () => void,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      stop();
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    const stop = woken(done);
  });
}

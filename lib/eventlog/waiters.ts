import type { Position } from './types.ts';

export interface Waiter extends Position {
  wake(): void;
  fail(error: unknown): void;
}

/** Readers that have all there is and wait for more. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  [Symbol.iterator](): Iterator<Waiter> {
    return this.#waiters.values();
  }

  /** Resolves when it is woken or the signal is aborted. */
  wait({ partition, offset, after }: Position, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', wake);
        settle();
      };
      const wake = (): void => end(resolve);
      const waiter: Waiter = { partition, offset, after, wake, fail: (error) => end(() => reject(error)) };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
    });
  }
}

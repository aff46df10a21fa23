import { CodedError } from '@gala/lib/error';
import { edgeErrors } from '@gala/protocol/errors';

export interface TurnsOptions {
  readonly runningMax: number;
  readonly waitingMax: number;
}

/** Lets so many run at once; more wait for their turn in order, up to a bound. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws CodedError HOOK_FAILED when too many wait; the reason of `signal` when it is aborted before the turn */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#running < this.#options.runningMax) this.#running++;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  /** Resolves when somebody who has run passes its turn on, so `#running` stays as it is. */
  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#options.waitingMax) {
      throw new CodedError(edgeErrors, 'HOOK_FAILED', { detail: 'too many decisions wait' });
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(begin);
        reject(signal.reason as Error);
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(begin);
    });
  }

  #pass(): void {
    for (const begin of this.#waiting) {
      this.#waiting.delete(begin);
      return begin();
    }
    this.#running--;
  }
}

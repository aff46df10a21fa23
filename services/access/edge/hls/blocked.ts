import { CodedError } from '@gala/lib/error';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';

/** Places for blocked requests, shared by all streams of the process. */
export interface BlockedPlaces {
  taken: number;
  readonly max: number;
}

export interface BlockedOptions {
  /** True once the request can be answered. */
  readonly isDue: () => boolean;
  readonly limitMs: number;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

interface BlockedRequest {
  readonly isDue: () => boolean;
  readonly settle: (error?: CodedError) => void;
}

/** Requests that are answered between two turns of the event loop. */
const answersPerTurn = 128;

/**
 * Requests of one stream that wait for media that has not come yet. They are bounded by places and by time, and
 * are woken in turns, so that ten thousand players that wait for one part do not hold the event loop.
 */
export class Blocked {
  readonly #places: BlockedPlaces;
  readonly #waiting = new Set<BlockedRequest>();
  #queue: BlockedRequest[] = [];
  #isTurning = false;
  #isReleased = false;

  constructor(places: BlockedPlaces) {
    this.#places = places;
  }

  /**
   * Resolves when the request is due, or its client has gone.
   * @throws CodedError TOO_MANY_VIEWERS without a place, UNAVAILABLE at the time limit or when all are released
   */
  async until({ isDue, limitMs, signal }: BlockedOptions): Promise<void> {
    if (isDue() || signal.aborted) return;
    if (this.#isReleased) throw late('the output was released');
    if (this.#places.taken >= this.#places.max) throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error?: CodedError): void => (error ? reject(error) : resolve());
    const request: BlockedRequest = { isDue, settle };
    const timer = setTimeout(() => settle(late('nothing came in time')), limitMs);
    const leave = (): void => settle();
    signal.addEventListener('abort', leave);
    this.#waiting.add(request);
    this.#places.taken++;
    try {
      await promise;
    } finally {
      this.#places.taken--;
      this.#waiting.delete(request);
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }

  /** Something has come: looks at all that wait. */
  wake(): void {
    if (this.#waiting.size === 0) return;
    this.#queue = [...this.#waiting];
    if (!this.#isTurning) this.#turn();
  }

  /** Nothing will come any more. */
  release(): void {
    this.#isReleased = true;
    for (const { settle } of this.#waiting) settle(late('the output was released'));
  }

  readonly #turn = (): void => {
    for (const { isDue, settle } of this.#queue.splice(-answersPerTurn)) if (isDue()) settle();
    this.#isTurning = this.#queue.length > 0;
    if (this.#isTurning) setImmediate(this.#turn);
  };
}

function late(detail: string): CodedError {
  return new CodedError(commonErrors, 'UNAVAILABLE', { detail, retryAfterSeconds: 1 });
}

import { codeOf } from '@gala/lib/error';
import { waitFor } from './wait.ts';

interface Answer {
  readonly sentAtMs: number;
  readonly ms: number;
  /** Of the error; undefined when it was done. */
  readonly code: string | undefined;
}

const everyMs = 10;
const outstandingMax = 500;

/** Does one thing a hundred times a second, whatever became of those before, and keeps what was answered. */
export class Probe implements AsyncDisposable {
  readonly answers: Answer[] = [];
  readonly #work: () => Promise<unknown>;
  readonly #timer: NodeJS.Timeout;
  #outstanding = 0;

  constructor(work: () => Promise<unknown>) {
    this.#work = work;
    this.#timer = setInterval(() => void this.#try(), everyMs);
  }

  /** Failures of what was sent from `atMs` on. */
  failuresSince(atMs: number): Answer[] {
    return this.answers.filter(({ sentAtMs, code }) => sentAtMs >= atMs && code !== undefined);
  }

  /** Codes of these failures, with how often each was answered: `COLLECTIONS_UNAVAILABLE x 12`. */
  codesSince(atMs: number): string {
    const groups = Map.groupBy(this.failuresSince(atMs), ({ code }) => code);
    return [...groups].map(([code, { length }]) => `${code} x ${length}`).join(', ') || 'none';
  }

  slowestMsSince(atMs: number): number {
    return Math.max(0, ...this.answers.filter(({ sentAtMs }) => sentAtMs >= atMs).map(({ ms }) => ms));
  }

  /** How long after `atMs` the last failed one was sent; 0 when none failed. */
  outageMsSince(atMs: number): number {
    return Math.max(0, ...this.failuresSince(atMs).map(({ sentAtMs }) => sentAtMs - atMs));
  }

  /** Waits until a second's worth of what was sent after `atMs` has been done, with no failure in between. */
  async recovered(atMs: number, timeoutMs = 20_000): Promise<void> {
    await waitFor(
      () => {
        const since = this.answers.filter(({ sentAtMs }) => sentAtMs >= atMs).toSorted(bySent);
        return since.length >= 50 && since.slice(-50).every(({ code }) => code === undefined);
      },
      { what: 'fifty answers in a row', timeoutMs },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await waitFor(() => this.#outstanding === 0, { what: 'the answers under way' });
  }

  async #try(): Promise<void> {
    if (this.#outstanding >= outstandingMax) return;
    this.#outstanding++;
    const sentAtMs = performance.now();
    const code = await this.#work().then(() => undefined, codeOf);
    this.answers.push({ sentAtMs, ms: performance.now() - sentAtMs, code });
    this.#outstanding--;
  }
}

function bySent(one: Answer, other: Answer): number {
  return one.sentAtMs - other.sentAtMs;
}

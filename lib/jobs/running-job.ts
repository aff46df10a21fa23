import type { Pool, PoolClient } from 'pg';
import { CodedError, hasCode } from '../error/index.ts';
import { jobErrors, type JobErrorCode } from './errors.ts';
import { abortMsMax, encodeJson, leaseMarginMs, linesMax, note, ttlMs } from './limits.ts';
import { addLines, finishJob, type ClaimedJob, type HeldJob } from './statements.ts';
import { transact } from './transaction.ts';
import type { Job, JobHandler } from './types.ts';

/** What became of an attempt. */
export type Outcome =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'committed' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** One attempt in this process: its lease by the own clock, its time limit and what it said last. */
export class RunningJob implements Job, HeldJob {
  readonly id: number;
  readonly kind: string;
  readonly key: string;
  readonly payload: unknown;
  readonly attempt: number;
  readonly failures: number;
  readonly fence: number;
  share = 0;
  text = '';
  /** False once its row is settled: it needs no more renewals. */
  isHeld = true;
  readonly #pool: Pool;
  readonly #controller = new AbortController();
  /** Before it began here. */
  readonly isCancelled: boolean;
  readonly retriesMax: number | undefined;
  readonly timeLimitMs: number | undefined;
  /** Log lines that are not in the database yet, and how many were said. */
  #lines: { atMs: number; text: string }[] = [];
  #lineCount = 0;
  #linesKept = 0;
  #isCommitted = false;
  #leaseTimer: NodeJS.Timeout | undefined;

  constructor(row: ClaimedJob, pool: Pool) {
    this.id = row.id;
    this.kind = row.kind;
    this.key = row.key;
    this.payload = row.payload;
    this.attempt = row.attempts;
    this.failures = row.failures;
    this.fence = row.fence;
    this.isCancelled = row.isCancelled;
    this.retriesMax = row.retriesMax ?? undefined;
    this.timeLimitMs = row.timeLimitMs ?? undefined;
    this.#pool = pool;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  progress(share: number, text = ''): void {
    this.share = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
    this.text = note(text);
  }

  log(text: string): void {
    this.#lineCount++;
    if (this.#lineCount <= linesMax) this.#lines.push({ atMs: Date.now(), text: note(text) });
  }

  /** Brings the lines into the database that were said since the last time; those that cannot be are dropped. */
  async flushLines(isLast: boolean): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    const over = this.#lineCount - linesMax;
    if (isLast && over > 0) lines.push({ atMs: Date.now(), text: `${over} more lines were not kept` });
    if (lines.length === 0) return;
    const line = this.attempt * (linesMax + 1) + this.#linesKept;
    this.#linesKept += lines.length;
    await addLines(this.#pool, { id: this.id, fence: this.fence, line, lines });
  }

  async commit<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    this.signal.throwIfAborted();
    const result = await transact(this.#pool, async (client) => {
      const answer = await work(client);
      // The row is locked last, so that renewals never wait for the work.
      const isMine = await finishJob(client, this, encodeJson(answer));
      if (!isMine) throw this.#lost();
      return answer;
    });
    this.#isCommitted = true;
    return result;
  }

  /** `sentMs`: how long ago the statement was sent that renewed it. */
  renewed(sentMs: number): void {
    clearTimeout(this.#leaseTimer);
    if (!this.isHeld) return;
    this.#leaseTimer = setTimeout(
      () => this.abort('JOB_LOST'),
      Math.max(0, ttlMs - leaseMarginMs - sentMs),
    ).unref();
  }

  abort(code: JobErrorCode): void {
    this.#controller.abort(new CodedError(jobErrors, code, { detail: `${this.kind} ${this.key}` }));
  }

  /** No more renewals, and no more notice of the handler. */
  letGo(): void {
    this.isHeld = false;
    clearTimeout(this.#leaseTimer);
  }

  /** `ended` is called when the handler has really ended, which may be after the answer. */
  async run(handler: JobHandler, timeLimitMs: number, ended: () => void): Promise<Outcome> {
    const limit = setTimeout(() => this.abort('JOB_TIMED_OUT'), timeLimitMs);
    const { promise: outOfPatience, reject } = Promise.withResolvers<never>();
    let patience: NodeJS.Timeout | undefined;
    const onAbort = (): void => void (patience = setTimeout(reject, abortMsMax, this.signal.reason));
    this.signal.addEventListener('abort', onAbort, { once: true });
    const work = Promise.try(handler, this).finally(ended);
    try {
      const result = await Promise.race([work, outOfPatience]);
      return this.#isCommitted ? { kind: 'committed' } : { kind: 'done', result };
    } catch (error) {
      return this.#failed(error);
    } finally {
      clearTimeout(limit);
      clearTimeout(patience);
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  /** Whatever a handler throws after it was told to stop, the reason is why it was told to. */
  #failed(error: unknown): Outcome {
    if (this.#isCommitted) return { kind: 'committed' };
    const reason: unknown = this.signal.aborted ? this.signal.reason : error;
    if (hasCode(reason, 'JOB_LOST')) return { kind: 'lost' };
    if (hasCode(reason, 'JOBS_CLOSED')) return { kind: 'closed' };
    return { kind: 'failed', error: reason };
  }

  #lost(): unknown {
    this.abort('JOB_LOST');
    return this.signal.reason;
  }
}

import type { Pool, PoolClient } from 'pg';
import { CodedError, invariant } from '../error/index.ts';
import { jobErrors } from './errors.ts';
import { advanceTick, fenceOfTick } from './tick-statements.ts';
import { transact } from './transaction.ts';
import type { Tick } from './types.ts';

export interface TickRunParts {
  readonly job: string;
  readonly partition: number;
  readonly of: number;
  readonly tick: number;
  readonly dueMs: number;
  readonly attempt: number;
  readonly fence: number;
  readonly signal: AbortSignal;
  readonly pool: Pool;
}

/** One attempt at a tick, in the hands of its handler. */
export class TickRun implements Tick {
  readonly job: string;
  readonly partition: number;
  readonly of: number;
  readonly tick: number;
  readonly dueMs: number;
  readonly attempt: number;
  readonly fence: number;
  readonly signal: AbortSignal;
  readonly #pool: Pool;
  #isCommitting = false;

  constructor(parts: TickRunParts) {
    this.job = parts.job;
    this.partition = parts.partition;
    this.of = parts.of;
    this.tick = parts.tick;
    this.dueMs = parts.dueMs;
    this.attempt = parts.attempt;
    this.fence = parts.fence;
    this.signal = parts.signal;
    this.#pool = parts.pool;
  }

  async commit<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    this.signal.throwIfAborted();
    invariant(!this.#isCommitting, 'a tick commits once');
    this.#isCommitting = true;
    return transact(this.#pool, async (client) => {
      if (!(await advanceTick(client, this))) throw await this.#refused(client);
      return work(client);
    });
  }

  /** Below the highest fence it is another's by now; else it was made before, and the answer to that was lost. */
  async #refused(client: PoolClient): Promise<CodedError> {
    const isAnothers = (await fenceOfTick(client, this)) > this.fence;
    const detail = `${this.job} ${this.partition}, tick ${this.tick}`;
    return new CodedError(jobErrors, isAnothers ? 'JOB_LOST' : 'TICK_DONE', { detail });
  }
}

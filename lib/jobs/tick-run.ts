import type { Pool, PoolClient } from 'pg';
import { CodedError, invariant } from '../error/index.ts';
import { jobErrors } from './errors.ts';
import { ttlMs } from './limits.ts';
import { advanceTick, fenceOfTick } from './tick-statements.ts';
import type { Tick } from './types.ts';

/** The locks of a worker that is stopped in its transaction would keep its partition from all others for good. */
const beginText = `begin; set local idle_in_transaction_session_timeout = ${ttlMs}`;

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
    const client = await this.#pool.connect();
    let isBroken = true;
    try {
      await client.query(beginText);
      if (!(await advanceTick(client, this))) throw await this.#refused(client);
      const result = await work(client);
      const { command } = await client.query('commit');
      isBroken = false;
      // COMMIT of a transaction whose error was swallowed by `work` answers with ROLLBACK.
      if (command !== 'COMMIT') throw new Error('the transaction of a tick failed in its work');
      return result;
    } catch (error) {
      if (isBroken) isBroken = await client.query('rollback').then(isFalse, isTrue);
      throw error;
    } finally {
      client.release(isBroken);
    }
  }

  /** Below the highest fence it is another's by now; else it was made before, and the answer to that was lost. */
  async #refused(client: PoolClient): Promise<CodedError> {
    const isAnothers = (await fenceOfTick(client, this)) > this.fence;
    const detail = `${this.job} ${this.partition}, tick ${this.tick}`;
    return new CodedError(jobErrors, isAnothers ? 'JOB_LOST' : 'TICK_DONE', { detail });
  }
}

const isTrue = (): boolean => true;
const isFalse = (): boolean => false;

import type { Client } from 'pg';
import { markMove } from '../changes/index.ts';
import { CodedError } from '../error/index.ts';
import { shardLockClass } from '../sql/index.ts';
import { shardErrors } from './errors.ts';
import { quoted, type ShardedTable } from './tables.ts';

/** A transaction that holds longer than this keeps the fence from closing; it is tried again later. */
const lockMsMax = 150;
/** A mover that is stopped while it holds the fence is thrown out by the server: writers wait no longer than this. */
const heldMsMax = 1500;

/**
 * The transaction on the source in which a shard leaves: its writers wait, its rows go, and its commit decides the
 * move. Rolled back, by whatever end, nothing has happened.
 */
export class Fence {
  readonly #client: Client;
  readonly #shard: number;
  /** Rows that leave, by table. */
  readonly leaving = new Map<string, number>();

  constructor(client: Client, shard: number) {
    this.#client = client;
    this.#shard = shard;
  }

  /** Errors: SHARD_BUSY when a transaction of the shard, or a lock on a row of it, is held for too long. */
  async close(tables: readonly ShardedTable[]): Promise<void> {
    try {
      await this.#client.query(`begin; set local lock_timeout = ${lockMsMax};
        set local idle_in_transaction_session_timeout = ${heldMsMax}`);
      await this.#spareChecks();
      await this.#client.query('select pg_advisory_xact_lock($1, $2)', [shardLockClass, this.#shard]);
      await markMove(this.#client, String(this.#shard));
      // What points to other rows goes first.
      for (const { name } of tables.toReversed()) {
        const { rowCount } = await this.#client.query(`delete from ${quoted(name)} where shard = $1`, [
          this.#shard,
        ]);
        this.leaving.set(name, rowCount ?? 0);
      }
    } catch (cause) {
      if ((cause as { code?: string }).code !== '55P03') throw cause;
      throw new CodedError(shardErrors, 'SHARD_BUSY', { cause, detail: 'a transaction holds a lock' });
    }
  }

  /** Errors: SHARD_BUSY when another move has begun since. */
  async decide(to: number, token: string): Promise<void> {
    const { rowCount } = await this.#client.query(
      `with left_behind as (delete from shard_owner where shard = $1 and token = $3 returning shard)
       insert into shard_departure(id, left_to, token) select shard, $2, $3 from left_behind`,
      [this.#shard, to, token],
    );
    if (rowCount !== 1) throw new CodedError(shardErrors, 'SHARD_BUSY', { detail: 'another move has begun' });
    await this.#client.query('commit');
  }

  async open(): Promise<void> {
    await this.#client.query('rollback').catch(() => undefined);
  }

  /**
   * All tables of the shard go at once, so that looking for rows that still point to a deleted one finds none and
   * costs most of the time. A user who may not leave that out waits longer.
   */
  async #spareChecks(): Promise<void> {
    const { rows } = await this.#client.query<{ may: boolean }>(
      `select rolsuper or has_parameter_privilege('session_replication_role', 'set') as may
       from pg_roles where rolname = current_user`,
    );
    if (rows[0]?.may) await this.#client.query('set local session_replication_role = replica');
  }
}

import type { Pool, PoolClient } from 'pg';
import { ttlMs } from './limits.ts';

/** The locks of a worker that is stopped in its transaction would keep its work from all others for good. */
const beginText = `begin; set local idle_in_transaction_session_timeout = ${ttlMs}`;

/** Runs `work` in one transaction, in which it may pause for one TTL at most. What it throws undoes it. */
export async function transact<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let isBroken = true;
  try {
    await client.query(beginText);
    const result = await work(client);
    const { command } = await client.query('commit');
    isBroken = false;
    // COMMIT of a transaction whose error was swallowed by `work` answers with ROLLBACK.
    if (command !== 'COMMIT') throw new Error('the transaction of a job failed in its work');
    return result;
  } catch (error) {
    if (isBroken) isBroken = await client.query('rollback').then(isFalse, isTrue);
    throw error;
  } finally {
    client.release(isBroken);
  }
}

const isTrue = (): boolean => true;
const isFalse = (): boolean => false;

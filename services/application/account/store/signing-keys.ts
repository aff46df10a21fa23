import type { Connection } from './connection.ts';

export interface SigningKey {
  readonly kid: string;
  readonly secret: Buffer;
  readonly createdAtMs: number;
}

/** The two newest keys, newest first. */
export async function listSigningKeys(db: Connection): Promise<SigningKey[]> {
  const { rows } = await db.query<{ kid: string; secret: Buffer; created_at_ms: number }>(
    `select kid, secret, created_at_ms from account_signing_key order by generation desc limit 2`,
  );
  return rows.map(({ kid, secret, created_at_ms: createdAtMs }) => ({ kid, secret, createdAtMs }));
}

/**
 * Adds a key unless one was made after `notAfterMs`. Processes that try at once take the same
 * generation, so that one of them adds it.
 */
export async function addSigningKey(db: Connection, key: SigningKey, notAfterMs: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into account_signing_key (generation, kid, secret, created_at_ms)
     select coalesce(max(generation), 0) + 1, $1, $2, $3 from account_signing_key
     having coalesce(max(created_at_ms), 0) <= $4
     on conflict (generation) do nothing`,
    [key.kid, key.secret, key.createdAtMs, notAfterMs],
  );
  return rowCount === 1;
}

/** Forgets all but the two newest: what the third had signed has expired long ago. */
export async function deleteOldSigningKeys(db: Connection): Promise<void> {
  await db.query(
    `delete from account_signing_key
     where generation <= (select max(generation) from account_signing_key) - 2`,
  );
}

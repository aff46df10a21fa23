import { shardOfUser } from '@gala/protocol/ids';
import type { Connection, Transaction } from './connection.ts';
import type { RoleName } from './users.ts';

/** Who stands behind a credential, read in one query. */
export interface Holder {
  readonly name: string;
  readonly roles: readonly RoleName[];
  /** 0: never. */
  readonly expiresAtMs: number;
}

export interface NewSession {
  readonly userId: number;
  readonly hash: Buffer;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export async function findSession(db: Connection, userId: number, hash: Buffer): Promise<Holder | undefined> {
  const { rows } = await db.query<{ name: string; roles: RoleName[]; expires_at_ms: number }>({
    name: 'account-find-session',
    text: `
      select holder.name, holder.roles, session.expires_at_ms
      from account_session session
      join account_user holder on holder.shard = session.shard and holder.user_id = session.user_id
      where session.shard = $1 and session.user_id = $2 and session.secret_hash = $3`,
    values: [shardOfUser(userId), userId, hash],
  });
  return rows[0] && { name: rows[0].name, roles: rows[0].roles, expiresAtMs: rows[0].expires_at_ms };
}

/** Adds a session and drops the user's oldest above `sessionsMax`, of which the new one is the newest. */
export async function insertSession(
  client: Transaction,
  session: NewSession,
  sessionsMax: number,
): Promise<void> {
  const { userId, hash, createdAtMs, expiresAtMs } = session;
  await client.query(
    `insert into account_session (shard, user_id, secret_hash, created_at_ms, expires_at_ms)
     values ($1, $2, $3, $4, $5)`,
    [shardOfUser(userId), userId, hash, createdAtMs, expiresAtMs],
  );
  await client.query(
    `delete from account_session where shard = $1 and user_id = $2 and secret_hash in (
       select secret_hash from account_session where shard = $1 and user_id = $2
       order by secret_hash = $3 desc, created_at_ms desc offset $4)`,
    [shardOfUser(userId), userId, hash, sessionsMax],
  );
}

export async function deleteSession(client: Transaction, userId: number, hash: Buffer): Promise<boolean> {
  const { rowCount } = await client.query(
    `delete from account_session where shard = $1 and user_id = $2 and secret_hash = $3`,
    [shardOfUser(userId), userId, hash],
  );
  return rowCount === 1;
}

/** Ends all sessions of a user but the one with hash `kept`. */
export async function deleteOtherSessions(
  client: Transaction,
  userId: number,
  kept: Buffer | undefined,
): Promise<void> {
  await client.query(
    `delete from account_session where shard = $1 and user_id = $2 and secret_hash is distinct from $3`,
    [shardOfUser(userId), userId, kept ?? null],
  );
}

/** Removes at most `limit` sessions of one database that have expired; how many there were. */
export async function purgeSessions(db: Connection, nowMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from account_session where (shard, user_id, secret_hash) in (
       select shard, user_id, secret_hash from account_session
       where expires_at_ms <= $1 order by expires_at_ms limit $2)`,
    [nowMs, limit],
  );
  return rowCount ?? 0;
}

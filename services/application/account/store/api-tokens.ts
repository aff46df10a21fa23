import { shardOfUser } from '@gala/protocol/ids';
import type { Connection, Transaction } from './connection.ts';
import type { Holder } from './sessions.ts';
import type { RoleName } from './users.ts';

export interface StoredApiToken {
  readonly tokenId: string;
  readonly userId: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAtMs: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

export interface ApiTokenHolder extends Holder {
  readonly hash: Buffer;
  readonly scopes: readonly string[];
}

interface TokenRow {
  token_id: string;
  user_id: number;
  name: string;
  scopes: string[];
  created_at_ms: number;
  expires_at_ms: number;
}

export async function findApiToken(
  db: Connection,
  userId: number,
  tokenId: string,
): Promise<ApiTokenHolder | undefined> {
  const { rows } = await db.query<TokenRow & { secret_hash: Buffer; roles: RoleName[] }>({
    name: 'account-find-api-token',
    text: `
      select token.secret_hash, token.scopes, token.expires_at_ms, holder.name, holder.roles
      from account_api_token token
      join account_user holder on holder.shard = token.shard and holder.user_id = token.user_id
      where token.shard = $1 and token.user_id = $2 and token.token_id = $3`,
    values: [shardOfUser(userId), userId, tokenId],
  });
  const row = rows[0];
  if (!row) return undefined;
  const { name, roles, scopes, secret_hash: hash, expires_at_ms: expiresAtMs } = row;
  return { name, roles, scopes, hash, expiresAtMs };
}

export async function insertApiToken(
  client: Transaction,
  token: StoredApiToken,
  hash: Buffer,
): Promise<void> {
  const { userId, tokenId, name, scopes, createdAtMs, expiresAtMs } = token;
  await client.query(
    `insert into account_api_token
       (shard, user_id, token_id, secret_hash, name, scopes, created_at_ms, expires_at_ms)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [shardOfUser(userId), userId, tokenId, hash, name, scopes, createdAtMs, expiresAtMs],
  );
}

export async function listApiTokens(db: Connection, userId: number): Promise<StoredApiToken[]> {
  const { rows } = await db.query<TokenRow>(
    `select token_id, user_id, name, scopes, created_at_ms, expires_at_ms from account_api_token
     where shard = $1 and user_id = $2 order by created_at_ms, token_id`,
    [shardOfUser(userId), userId],
  );
  return rows.map((row) => ({
    tokenId: row.token_id,
    userId: row.user_id,
    name: row.name,
    scopes: row.scopes,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  }));
}

export async function deleteApiToken(client: Transaction, userId: number, tokenId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `delete from account_api_token where shard = $1 and user_id = $2 and token_id = $3`,
    [shardOfUser(userId), userId, tokenId],
  );
  return rowCount === 1;
}

/** Makes room for tokens that still count: those that have expired do not. */
export async function deleteExpiredApiTokens(
  client: Transaction,
  userId: number,
  nowMs: number,
): Promise<void> {
  await client.query(
    `delete from account_api_token
     where shard = $1 and user_id = $2 and expires_at_ms > 0 and expires_at_ms <= $3`,
    [shardOfUser(userId), userId, nowMs],
  );
}

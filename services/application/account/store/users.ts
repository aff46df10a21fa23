import { shardOfUser } from '@gala/protocol/ids';
import type { Connection, Transaction } from './connection.ts';

export const roleNames = ['viewer', 'host', 'moderator', 'operator'] as const;
export type RoleName = (typeof roleNames)[number];

export interface User {
  readonly userId: number;
  readonly name: string;
  readonly roles: readonly RoleName[];
  readonly createdAtMs: number;
}

export interface Credentials {
  readonly user: User;
  /** Undefined: no sign-in by password. */
  readonly passwordHash: string | undefined;
}

interface UserRow {
  user_id: number;
  name: string;
  password_hash: string | null;
  roles: RoleName[];
  created_at_ms: number;
}

const columns = `user_id, name, password_hash, roles, created_at_ms`;

export async function findCredentials(db: Connection, userId: number): Promise<Credentials | undefined> {
  const { rows } = await db.query<UserRow>({
    name: 'account-find-user',
    text: `select ${columns} from account_user where shard = $1 and user_id = $2`,
    values: [shardOfUser(userId), userId],
  });
  return rows[0] && { user: userOf(rows[0]), passwordHash: rows[0].password_hash ?? undefined };
}

/** Leaves a user that is there already as it is. */
export async function insertUser(client: Transaction, { user, passwordHash }: Credentials): Promise<void> {
  await client.query(
    `insert into account_user (shard, ${columns}) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [shardOfUser(user.userId), user.userId, user.name, passwordHash, user.roles, user.createdAtMs],
  );
}

/** The user afterwards; undefined when there is none. */
export async function saveRoles(
  client: Transaction,
  userId: number,
  roles: readonly RoleName[],
): Promise<User | undefined> {
  const { rows } = await client.query<UserRow>(
    `update account_user set roles = $3 where shard = $1 and user_id = $2 returning ${columns}`,
    [shardOfUser(userId), userId, roles],
  );
  return rows[0] && userOf(rows[0]);
}

export async function savePassword(client: Transaction, userId: number, hash: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `update account_user set password_hash = $3 where shard = $1 and user_id = $2`,
    [shardOfUser(userId), userId, hash],
  );
  return rowCount === 1;
}

/** Serializes what counts the tokens and sessions of one user; false when there is no such user. */
export async function lockUser(client: Transaction, userId: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `select 1 from account_user where shard = $1 and user_id = $2 for no key update`,
    [shardOfUser(userId), userId],
  );
  return rowCount === 1;
}

function userOf(row: UserRow): User {
  return { userId: row.user_id, name: row.name, roles: row.roles, createdAtMs: row.created_at_ms };
}

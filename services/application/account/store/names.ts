import { composeUserId } from '@gala/protocol/ids';
import type { Connection } from './connection.ts';

const sequenceExhausted = '2200H';

/** The next free user id of a region; undefined when its numbers are used up. */
export async function takeUserId(db: Connection, region: number): Promise<number | undefined> {
  try {
    const { rows } = await db.query<{ number: number }>({
      name: 'account-take-number',
      text: `select nextval('account_user_number') as number`,
    });
    return composeUserId(region, rows[0].number);
  } catch (error) {
    if ((error as { code?: string }).code === sequenceExhausted) return undefined;
    throw error;
  }
}

export interface NameClaim {
  readonly foldedName: string;
  readonly userId: number;
  readonly claimedAtMs: number;
}

export async function findName(db: Connection, foldedName: string): Promise<NameClaim | undefined> {
  const { rows } = await db.query<{ user_id: number; claimed_at_ms: number }>({
    name: 'account-find-name',
    text: `select user_id, claimed_at_ms from account_login_name where folded_name = $1`,
    values: [foldedName],
  });
  return rows[0] && { foldedName, userId: rows[0].user_id, claimedAtMs: rows[0].claimed_at_ms };
}

/** False when someone else has claimed it. */
export async function claimName(db: Connection, claim: NameClaim): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into account_login_name (folded_name, user_id, claimed_at_ms) values ($1, $2, $3)
     on conflict do nothing`,
    [claim.foldedName, claim.userId, claim.claimedAtMs],
  );
  return rowCount === 1;
}

export async function releaseName(db: Connection, { foldedName, userId }: NameClaim): Promise<void> {
  const text = `delete from account_login_name where folded_name = $1 and user_id = $2`;
  await db.query(text, [foldedName, userId]);
}

export interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

export async function findIdentity(db: Connection, identity: Identity): Promise<number | undefined> {
  const { rows } = await db.query<{ user_id: number }>({
    name: 'account-find-identity',
    text: `select user_id from account_identity where issuer = $1 and subject = $2`,
    values: [identity.issuer, identity.subject],
  });
  return rows[0]?.user_id;
}

/** Whoever comes first decides: the user id that the identity has afterwards. */
export async function claimIdentity(db: Connection, identity: Identity, userId: number): Promise<number> {
  await db.query(
    `insert into account_identity (issuer, subject, user_id) values ($1, $2, $3) on conflict do nothing`,
    [identity.issuer, identity.subject, userId],
  );
  return (await findIdentity(db, identity)) ?? userId;
}

import type { Connection } from './connection.ts';

/** A partner whose tokens are trusted. */
export interface Issuer {
  /** The `iss` claim. */
  readonly issuer: string;
  /** The `aud` claim that its tokens must carry. */
  readonly audience: string;
  /** JSON Web Key Set (RFC 7517) with public keys. */
  readonly jwks: string;
}

export async function findIssuer(db: Connection, issuer: string): Promise<Issuer | undefined> {
  const { rows } = await db.query<Issuer>({
    name: 'account-find-issuer',
    text: `select issuer, audience, jwks from account_issuer where issuer = $1`,
    values: [issuer],
  });
  return rows[0];
}

/** Adds an issuer or replaces its audience and keys; false when it were one more than `issuersMax`. */
export async function putIssuer(
  db: Connection,
  { issuer, audience, jwks }: Issuer,
  issuersMax: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into account_issuer (issuer, audience, jwks)
     select $1, $2, $3
     where (select count(*) from account_issuer where issuer <> $1) < $4
     on conflict (issuer) do update set audience = excluded.audience, jwks = excluded.jwks`,
    [issuer, audience, jwks, issuersMax],
  );
  return rowCount === 1;
}

export async function listIssuers(db: Connection): Promise<Issuer[]> {
  const { rows } = await db.query<Issuer>(
    `select issuer, audience, jwks from account_issuer order by issuer`,
  );
  return rows;
}

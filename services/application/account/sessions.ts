import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import type { Sql } from '@gala/lib/sql';
import { accountErrors } from '@gala/protocol/errors';
import { shardOfUser } from '@gala/protocol/ids';
import type { AccountConfig } from './config.ts';
import type { AccountEvents } from './events.ts';
import type { Partners } from './partners.ts';
import type { Passwords } from './passwords.ts';
import type { Principal, Principals } from './principals.ts';
import { deleteSession, insertSession } from './store/sessions.ts';
import type { User } from './store/users.ts';
import { createSessionToken, parseSessionToken } from './tokens.ts';
import type { Tries } from './tries.ts';
import type { Users } from './users.ts';

const dayMs = 86_400_000;
/** Sessions of one user at once; the oldest ends when one more begins. */
const sessionsMax = 100;

export interface SessionParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: AccountConfig;
  readonly events: AccountEvents;
  readonly passwords: Passwords;
  readonly principals: Principals;
  readonly partners: Partners;
  readonly tries: Tries;
  readonly users: Users;
}

export interface SignIn {
  readonly name: string;
  readonly password: string;
  readonly remoteAddress: string;
}

export interface SignedIn {
  /** Given to the browser once; its secret is stored as a hash. */
  readonly token: string;
  readonly principal: Principal;
}

/** Sign-in, by password or by a partner's word, and sign-out. */
export class Sessions {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** @throws CodedError CREDENTIALS_WRONG, TOO_MANY_TRIES, RATE_LIMITED */
  async signIn(asked: SignIn): Promise<SignedIn> {
    const { events } = this.#parts;
    try {
      const user = await this.#checked(asked);
      const signedIn = await this.#begin(user);
      events.signedIn(user);
      return signedIn;
    } catch (error) {
      if (hasCode(error)) events.signInRefused(error.code, asked.remoteAddress);
      throw error;
    }
  }

  /** @throws CodedError ISSUER_UNKNOWN, ISSUER_TOKEN_INVALID */
  async signInPartner(jwt: string): Promise<SignedIn> {
    const identity = await this.#parts.partners.verify(jwt);
    const user = await this.#parts.users.ofPartner(identity);
    const signedIn = await this.#begin(user);
    this.#parts.events.partnerSignedIn(user, identity.issuer);
    return signedIn;
  }

  /** Ends a session everywhere; one that has ended already is no error. */
  async signOut(sessionToken: string): Promise<void> {
    const session = parseSessionToken(sessionToken);
    if (!session) return;
    const { userId, hash } = session;
    const was = await this.#parts.sql.tx(shardOfUser(userId), (client) =>
      deleteSession(client, userId, hash),
    );
    this.#parts.principals.forget(userId);
    if (was) this.#parts.events.signedOut(userId);
  }

  async #checked({ name, password, remoteAddress }: SignIn): Promise<User> {
    const { tries } = this.#parts;
    const triedName = name.toLowerCase().slice(0, 64);
    tries.take(triedName, remoteAddress);
    const user = await this.#match(triedName, password).catch((error: unknown) => {
      tries.giveBack(triedName, remoteAddress);
      throw error;
    });
    if (!user) throw new CodedError(accountErrors, 'CREDENTIALS_WRONG');
    tries.succeed(triedName, remoteAddress);
    return user;
  }

  async #match(name: string, password: string): Promise<User | undefined> {
    const found = await this.#parts.users.credentialsOf(name);
    const isRight = await this.#parts.passwords.matches(found?.passwordHash, password);
    return isRight ? found?.user : undefined;
  }

  async #begin({ userId, name, roles }: User): Promise<SignedIn> {
    const { clock, config, sql } = this.#parts;
    const { text, hash, csrfToken } = createSessionToken(userId);
    const createdAtMs = clock.nowMs();
    const expiresAtMs = createdAtMs + config.sessionDays * dayMs;
    const session = { userId, hash, createdAtMs, expiresAtMs };
    await sql.tx(shardOfUser(userId), (client) => insertSession(client, session, sessionsMax));
    return { token: text, principal: { userId, name, roles, scopes: [], csrfToken, expiresAtMs } };
  }
}

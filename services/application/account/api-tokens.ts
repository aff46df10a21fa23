import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Sql } from '@gala/lib/sql';
import { accountErrors, commonErrors } from '@gala/protocol/errors';
import { shardOfUser } from '@gala/protocol/ids';
import type { AccountEvents } from './events.ts';
import type { Principals } from './principals.ts';
import * as store from './store/api-tokens.ts';
import type { StoredApiToken } from './store/api-tokens.ts';
import { lockUser } from './store/users.ts';
import { createApiToken } from './tokens.ts';

/** Tokens of one user that have not expired. */
const tokensMax = 50;
const scopesMax = 16;
const namePattern = /^\P{Cc}{1,64}$/u;
const tokenIdPattern = /^[0-9a-f]{16}$/;
const scopePattern = /^[a-z][a-z-]{0,31}:[a-z]{1,16}$/;

export interface ApiTokenParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly events: AccountEvents;
  readonly principals: Principals;
}

export interface NewApiToken {
  readonly userId: number;
  readonly name: string;
  /** Empty: everything that the roles of the user allow. */
  readonly scopes: readonly string[];
  /** 0: never. */
  readonly expiresAtMs: number;
}

/** Tokens for programs that act as a user, within scopes. */
export class ApiTokens {
  readonly #parts: ApiTokenParts;

  constructor(parts: ApiTokenParts) {
    this.#parts = parts;
  }

  /** @throws CodedError USER_UNKNOWN, TOO_MANY_TOKENS, INVALID_REQUEST */
  async create(asked: NewApiToken): Promise<{ apiToken: StoredApiToken; token: string }> {
    const { clock, sql, events } = this.#parts;
    const createdAtMs = clock.nowMs();
    checkToken(asked, createdAtMs);
    const { userId, name, expiresAtMs } = asked;
    const { tokenId, text, hash } = createApiToken(userId);
    const apiToken = { tokenId, userId, name, scopes: [...new Set(asked.scopes)], createdAtMs, expiresAtMs };
    await sql.tx(shardOfUser(userId), async (client) => {
      const isKnown = await lockUser(client, userId);
      if (!isKnown) throw new CodedError(accountErrors, 'USER_UNKNOWN');
      await store.deleteExpiredApiTokens(client, userId, createdAtMs);
      const present = await store.listApiTokens(client, userId);
      if (present.length >= tokensMax) throw new CodedError(accountErrors, 'TOO_MANY_TOKENS');
      await store.insertApiToken(client, apiToken, hash);
    });
    events.apiTokenCreated(apiToken);
    return { apiToken, token: text };
  }

  list(userId: number): Promise<StoredApiToken[]> {
    return this.#parts.sql.read(shardOfUser(userId), (client) => store.listApiTokens(client, userId));
  }

  /** @throws CodedError TOKEN_UNKNOWN */
  async revoke(userId: number, tokenId: string): Promise<void> {
    const { sql, events, principals } = this.#parts;
    if (!tokenIdPattern.test(tokenId)) throw new CodedError(accountErrors, 'TOKEN_UNKNOWN');
    const remove = sql.tx(shardOfUser(userId), (client) => store.deleteApiToken(client, userId, tokenId));
    const was = await remove;
    principals.forget(userId);
    if (!was) throw new CodedError(accountErrors, 'TOKEN_UNKNOWN');
    events.apiTokenRevoked(userId, tokenId);
  }
}

function checkToken({ name, scopes, expiresAtMs }: NewApiToken, nowMs: number): void {
  const wrong = [
    !namePattern.test(name) && 'name',
    (scopes.length > scopesMax || !scopes.every((scope) => scopePattern.test(scope))) && 'scopes',
    expiresAtMs !== 0 && expiresAtMs <= nowMs && 'expiry',
  ].find(Boolean);
  if (wrong) throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: wrong });
}

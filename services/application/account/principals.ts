import { timingSafeEqual } from 'node:crypto';
import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import { shardOfUser } from '@gala/protocol/ids';
import type { AccountConfig } from './config.ts';
import { findApiToken } from './store/api-tokens.ts';
import type { Transaction } from './store/connection.ts';
import { findSession } from './store/sessions.ts';
import type { RoleName } from './store/users.ts';
import { hashOf, isSameSecret, parseApiToken, parseSessionToken } from './tokens.ts';

export interface Principal {
  /** 0 for the operator token of the installation. */
  readonly userId: number;
  readonly name: string;
  readonly roles: readonly RoleName[];
  /** Empty: everything that the roles allow. */
  readonly scopes: readonly string[];
  /** Empty unless it is a session. */
  readonly csrfToken: string;
  /** 0: never. */
  readonly expiresAtMs: number;
}

const operator: Principal = {
  userId: 0,
  name: 'operator',
  roles: ['operator'],
  scopes: [],
  csrfToken: '',
  expiresAtMs: 0,
};

export interface PrincipalParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: AccountConfig;
  readonly metrics: Metrics;
  readonly operatorToken: string;
}

/**
 * Who a token stands for. Answers are kept for `authCacheMs`: what is revoked in this process ends at
 * once here, and after that time in others.
 */
export class Principals {
  readonly #parts: PrincipalParts;
  /** By hash of the token, so that no secret stays in memory. */
  readonly #cache: LoadingCache<string, Principal | undefined>;

  constructor(parts: PrincipalParts) {
    this.#parts = parts;
    const { clock, config, metrics } = parts;
    this.#cache = new LoadingCache({
      clock,
      entriesMax: config.cacheEntriesMax,
      ttlMs: config.authCacheMs,
      // Unknown tokens are not kept: guesses must not push out those that are in use.
      isKept: (principal) => principal !== undefined,
      counters: metrics.counters('account_principal_cache', loadingCacheCounterNames),
    });
  }

  /** @throws CodedError UNAUTHENTICATED for a token that is unknown, revoked or expired */
  async authenticate(token: string): Promise<Principal> {
    if (this.#parts.operatorToken && isSameSecret(token, this.#parts.operatorToken)) return operator;
    const find = this.#finderOf(token);
    const principal = find && (await this.#cache.get(hashOf(token).toString('base64'), find));
    const nowMs = this.#parts.clock.nowMs();
    const isValid = principal && (principal.expiresAtMs === 0 || principal.expiresAtMs > nowMs);
    if (!isValid) throw new CodedError(commonErrors, 'UNAUTHENTICATED');
    return principal;
  }

  /** After any change of a user's roles, sessions or tokens. */
  forget(userId: number): void {
    this.#cache.deleteWhere((principal) => principal?.userId === userId);
  }

  #finderOf(text: string): (() => Promise<Principal | undefined>) | undefined {
    const session = parseSessionToken(text);
    if (session) {
      const { userId, csrfToken, hash } = session;
      return async () => {
        const holder = await this.#read(userId, (client) => findSession(client, userId, hash));
        return holder && { ...holder, userId, csrfToken, scopes: [] };
      };
    }
    const token = parseApiToken(text);
    if (!token) return undefined;
    return async () => {
      const { userId, tokenId, hash } = token;
      const holder = await this.#read(userId, (client) => findApiToken(client, userId, tokenId));
      if (!holder || !timingSafeEqual(holder.hash, hash)) return undefined;
      const { name, roles, scopes, expiresAtMs } = holder;
      return { userId, name, roles, scopes, expiresAtMs, csrfToken: '' };
    };
  }

  #read<Result>(userId: number, work: (client: Transaction) => Promise<Result>): Promise<Result> {
    return this.#parts.sql.read(shardOfUser(userId), work);
  }
}

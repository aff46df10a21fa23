import type * as wire from '@gala/protocol/account';
import { CodedError, hasCode } from '@gala/lib/error';
import { mapErrors, type Handlers } from '@gala/lib/rpc';
import { outageCodes } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import { userIdMax } from '@gala/protocol/ids';
import type { ApiTokens } from './api-tokens.ts';
import type { Partners } from './partners.ts';
import type { Principal, Principals } from './principals.ts';
import type { SignedIn, Sessions } from './sessions.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { StoredApiToken } from './store/api-tokens.ts';
import type { User } from './store/users.ts';
import type { Users } from './users.ts';

export interface RoutedParts {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly principals: Principals;
  readonly apiTokens: ApiTokens;
  readonly partners: Partners;
  readonly signingKeys: SigningKeys;
}

/** Operations of the protocol as calls of the domain; conversions happen here and nowhere else. */
export function createHandlers(parts: RoutedParts): Handlers<typeof wire.AccountService> {
  return mapErrors(
    { ...userHandlers(parts), ...signInHandlers(parts), ...trustHandlers(parts) },
    toProtocolError,
  );
}

type HandlersOf<Names extends keyof Handlers<typeof wire.AccountService>> = Pick<
  Handlers<typeof wire.AccountService>,
  Names
>;

function userHandlers({
  users,
  principals,
}: RoutedParts): HandlersOf<'createUser' | 'getUser' | 'findUser' | 'setPassword' | 'setRoles'> {
  return {
    createUser: async (asked) => ({ user: wireUser(await users.create(asked)) }),
    getUser: async ({ userId }) => ({ user: wireUser(await users.get(userIdOf(userId))) }),
    findUser: async ({ name }) => ({ user: wireUser(await users.find(name)) }),
    setPassword: async ({ userId, password, keepSessionToken }) => {
      await users.setPassword(userIdOf(userId), password, keepSessionToken);
      principals.forget(userIdOf(userId));
      return {};
    },
    setRoles: async ({ userId, roles }) => {
      const user = await users.setRoles(userIdOf(userId), roles);
      principals.forget(user.userId);
      return { user: wireUser(user) };
    },
  };
}

function signInHandlers({
  sessions,
  principals,
}: RoutedParts): HandlersOf<'authenticate' | 'signIn' | 'signInPartner' | 'signOut'> {
  return {
    authenticate: async ({ token }) => {
      const principal = await principals.authenticate(token);
      return { principal: wirePrincipal(principal), expiresAtMs: BigInt(principal.expiresAtMs) };
    },
    signIn: async (asked) => wireSignedIn(await sessions.signIn(asked)),
    signInPartner: async ({ jwt }) => wireSignedIn(await sessions.signInPartner(jwt)),
    signOut: async ({ sessionToken }) => {
      await sessions.signOut(sessionToken);
      return {};
    },
  };
}

function trustHandlers({
  apiTokens,
  partners,
  signingKeys,
}: RoutedParts): HandlersOf<
  'createApiToken' | 'listApiTokens' | 'revokeApiToken' | 'putIssuer' | 'listIssuers' | 'signingKeys'
> {
  return {
    createApiToken: async ({ userId, name, scopes, expiresAtMs }) => {
      const asked = { userId: userIdOf(userId), name, scopes, expiresAtMs: timeOf(expiresAtMs) };
      const { apiToken, token } = await apiTokens.create(asked);
      return { apiToken: wireApiToken(apiToken), token };
    },
    listApiTokens: async ({ userId }) => ({
      apiTokens: (await apiTokens.list(userIdOf(userId))).map(wireApiToken),
    }),
    revokeApiToken: async ({ userId, tokenId }) => {
      await apiTokens.revoke(userIdOf(userId), tokenId);
      return {};
    },
    putIssuer: async ({ issuer }) => {
      if (!issuer) throw invalid('issuer');
      await partners.put({ issuer: issuer.issuer, audience: issuer.audience, jwks: issuer.jwks });
      return {};
    },
    listIssuers: async () => ({ issuers: await partners.list() }),
    signingKeys: async () => ({
      keys: (await signingKeys.list()).map(({ kid, secret, createdAtMs }) => ({
        kid,
        secret,
        createdAtMs: BigInt(createdAtMs),
      })),
    }),
  };
}

/** Callers know the codes of the protocol only: whatever ails the databases is UNAVAILABLE to them. */
function toProtocolError(cause: unknown): unknown {
  if (!hasCode(cause, ...outageCodes, 'CACHE_BUSY')) return cause;
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
}

function wireUser({ userId, name, roles, createdAtMs }: User) {
  return { userId: BigInt(userId), name, roles: [...roles], createdAtMs: BigInt(createdAtMs) };
}

function wirePrincipal({ userId, name, roles, scopes, csrfToken }: Principal) {
  return { userId: BigInt(userId), name, roles: [...roles], scopes: [...scopes], csrfToken };
}

function wireSignedIn({ token, principal }: SignedIn) {
  const { expiresAtMs } = principal;
  return { sessionToken: token, expiresAtMs: BigInt(expiresAtMs), principal: wirePrincipal(principal) };
}

function wireApiToken(token: StoredApiToken) {
  return {
    tokenId: token.tokenId,
    userId: BigInt(token.userId),
    name: token.name,
    scopes: [...token.scopes],
    createdAtMs: BigInt(token.createdAtMs),
    expiresAtMs: BigInt(token.expiresAtMs),
  };
}

function userIdOf(id: bigint): number {
  if (id < 1n || id > BigInt(userIdMax)) throw invalid('user id');
  return Number(id);
}

function timeOf(ms: bigint): number {
  if (ms > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('time');
  return Number(ms);
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

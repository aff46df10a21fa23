import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { accountErrors, commonErrors } from '@gala/protocol/errors';
import { composeUserId, numberCount, parseId, shardOfUser, userIdMax } from '@gala/protocol/ids';
import type { AccountConfig } from './config.ts';
import type { AccountEvents } from './events.ts';
import type { Passwords } from './passwords.ts';
import * as names from './store/names.ts';
import { deleteOtherSessions } from './store/sessions.ts';
import * as store from './store/users.ts';
import type { Credentials, RoleName, User } from './store/users.ts';
import { parseSessionToken } from './tokens.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$/;
/** Users of partners are called by their id, and one principal is no user at all. */
const reservedPattern = /^(?:user-[0-9]+|operator)$/;
const partnerNamePattern = /^user-(?<userId>[0-9]{1,10})$/;
/** A claim whose user never came is taken over after this; far longer than making one takes. */
const claimMsMax = 60_000;
const nameCacheMs = 5000;
const staleMsMax = 60_000;

export interface UserParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: AccountConfig;
  readonly metrics: Metrics;
  readonly events: AccountEvents;
  readonly passwords: Passwords;
}

export interface NewUser {
  readonly name: string;
  /** Empty: no sign-in by password. */
  readonly password: string;
  readonly roles: readonly string[];
}

/** Users by id and by login name. */
export class Users {
  readonly #parts: UserParts;
  readonly #byId: LoadingCache<number, User | undefined>;
  readonly #idsByName: LoadingCache<string, number | undefined>;

  constructor(parts: UserParts) {
    this.#parts = parts;
    const { clock, config, metrics } = parts;
    const options = <Value>(name: string, ttlMs: number) => ({
      clock,
      entriesMax: config.cacheEntriesMax,
      ttlMs,
      staleMsMax,
      isKept: (value: Value | undefined) => value !== undefined,
      counters: metrics.counters(`account_${name}_cache`, loadingCacheCounterNames),
    });
    this.#byId = new LoadingCache(options<User>('user', config.authCacheMs));
    this.#idsByName = new LoadingCache(options<number>('name', nameCacheMs));
  }

  /** @throws CodedError NAME_INVALID, NAME_TAKEN, PASSWORD_WEAK, INVALID_REQUEST, USERS_EXHAUSTED */
  async create({ name, password, roles }: NewUser): Promise<User> {
    const foldedName = foldName(name);
    if (!namePattern.test(name) || reservedPattern.test(foldedName)) {
      throw new CodedError(accountErrors, 'NAME_INVALID');
    }
    const checkedRoles = rolesOf(roles);
    const passwordHash = password === '' ? undefined : await this.#parts.passwords.hash(password);
    const claim = await this.#claim(foldedName);
    const user = { userId: claim.userId, name, roles: checkedRoles, createdAtMs: claim.claimedAtMs };
    await this.#insert({ user, passwordHash }).catch(async (error: unknown) => {
      // If this fails as well, the claim is taken over when it is old enough.
      await names.releaseName(this.#core, claim).catch(() => undefined);
      throw error;
    });
    this.#parts.events.userCreated(user);
    return user;
  }

  /** The user behind a partner's subject, made on first sight. */
  async ofPartner(identity: names.Identity): Promise<User> {
    const known = await names.findIdentity(this.#core, identity);
    const userId = known ?? (await names.claimIdentity(this.#core, identity, await this.#takeId()));
    const found = await this.credentials(userId);
    if (found) return found.user;
    const createdAtMs = this.#parts.clock.nowMs();
    const user: User = { userId, name: `user-${userId}`, roles: ['viewer'], createdAtMs };
    await this.#insert({ user, passwordHash: undefined });
    this.#parts.events.userCreated(user, identity.issuer);
    return user;
  }

  /** @throws CodedError USER_UNKNOWN */
  async get(userId: number): Promise<User> {
    const user = await this.#byId.get(userId, async () => (await this.credentials(userId))?.user);
    if (!user) throw new CodedError(accountErrors, 'USER_UNKNOWN');
    return user;
  }

  /** Without regard to case. @throws CodedError USER_UNKNOWN */
  async find(name: string): Promise<User> {
    const userId = await this.#idOf(foldName(name));
    if (userId === undefined) throw new CodedError(accountErrors, 'USER_UNKNOWN');
    return this.get(userId);
  }

  /** Read anew, for a sign-in: both databases are asked whether or not there is such a name. */
  async credentialsOf(name: string): Promise<Credentials | undefined> {
    const foldedName = namePattern.test(name) ? foldName(name) : '';
    const claim = await names.findName(this.#core, foldedName);
    const decoyId = composeUserId(this.#parts.config.region, numberCount - 1);
    const found = await this.credentials(claim?.userId ?? decoyId);
    return claim ? found : undefined;
  }

  credentials(userId: number): Promise<Credentials | undefined> {
    return this.#parts.sql.read(shardOfUser(userId), (client) => store.findCredentials(client, userId));
  }

  /** @throws CodedError USER_UNKNOWN, INVALID_REQUEST */
  async setRoles(userId: number, roles: readonly string[]): Promise<User> {
    const checked = rolesOf(roles);
    const save = this.#parts.sql.tx(shardOfUser(userId), (client) =>
      store.saveRoles(client, userId, checked),
    );
    const user = await save;
    if (!user) throw new CodedError(accountErrors, 'USER_UNKNOWN');
    this.#byId.delete(userId);
    this.#parts.events.rolesSet(user);
    return user;
  }

  /** Ends every session of the user but the one kept. @throws CodedError USER_UNKNOWN, PASSWORD_WEAK */
  async setPassword(userId: number, password: string, keptSession: string): Promise<void> {
    const hash = await this.#parts.passwords.hash(password);
    const kept = parseSessionToken(keptSession);
    await this.#parts.sql.tx(shardOfUser(userId), async (client) => {
      const isKnown = await store.savePassword(client, userId, hash);
      if (!isKnown) throw new CodedError(accountErrors, 'USER_UNKNOWN');
      await deleteOtherSessions(client, userId, kept?.userId === userId ? kept.hash : undefined);
    });
    this.#parts.events.passwordSet(userId);
  }

  get #core() {
    return this.#parts.sql.core().pool;
  }

  async #idOf(foldedName: string): Promise<number | undefined> {
    const partner = partnerNamePattern.exec(foldedName)?.groups;
    if (partner) return parseId(partner.userId, userIdMax);
    const load = async () => (await names.findName(this.#core, foldedName))?.userId;
    return namePattern.test(foldedName) ? this.#idsByName.get(foldedName, load) : undefined;
  }

  /** The name is claimed in core before its user is made on a shard, so that no two users share it. */
  async #claim(foldedName: string): Promise<names.NameClaim> {
    const claimedAtMs = this.#parts.clock.nowMs();
    const before = await names.findName(this.#core, foldedName);
    if (before) await this.#releaseAbandoned(before, claimedAtMs);
    const claim = { foldedName, userId: await this.#takeId(), claimedAtMs };
    const isMine = await names.claimName(this.#core, claim);
    if (!isMine) throw new CodedError(accountErrors, 'NAME_TAKEN');
    return claim;
  }

  async #releaseAbandoned(claim: names.NameClaim, nowMs: number): Promise<void> {
    const isAbandoned = nowMs - claim.claimedAtMs > claimMsMax && !(await this.credentials(claim.userId));
    if (!isAbandoned) throw new CodedError(accountErrors, 'NAME_TAKEN');
    await names.releaseName(this.#core, claim);
  }

  async #takeId(): Promise<number> {
    const userId = await names.takeUserId(this.#core, this.#parts.config.region);
    if (userId === undefined) throw new CodedError(accountErrors, 'USERS_EXHAUSTED');
    return userId;
  }

  #insert(credentials: Credentials): Promise<void> {
    const shard = shardOfUser(credentials.user.userId);
    return this.#parts.sql.tx(shard, (client) => store.insertUser(client, credentials));
  }
}

function foldName(name: string): string {
  return name.toLowerCase();
}

function rolesOf(roles: readonly string[]): RoleName[] {
  const known = store.roleNames.filter((role) => roles.includes(role));
  if (known.length !== new Set(roles).size) {
    throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'roles' });
  }
  return known;
}

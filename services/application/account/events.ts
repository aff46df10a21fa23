import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { StoredApiToken } from './store/api-tokens.ts';
import type { Issuer } from './store/issuers.ts';
import type { SigningKey } from './store/signing-keys.ts';
import type { User } from './store/users.ts';

const counterNames = [
  'usersCreated',
  'rolesSet',
  'passwordsSet',
  'signIns',
  'partnerSignIns',
  'signInsRefused',
  'signOuts',
  'apiTokensCreated',
  'apiTokensRevoked',
  'issuersPut',
  'signingKeysMade',
  'sessionsPurged',
  'upkeepFailures',
] as const;

/** Business events of accounts: a structured line and a counter each. No line holds a password or token. */
export class AccountEvents {
  readonly #log: Logger;
  readonly #counters: Record<(typeof counterNames)[number], number>;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'account' });
    this.#counters = metrics.counters('account', counterNames);
  }

  userCreated({ userId, name, roles }: User, issuer?: string): void {
    this.#counters.usersCreated++;
    this.#log.info({ userId, user: name, roles, issuer }, 'user created');
  }

  rolesSet({ userId, roles }: User): void {
    this.#counters.rolesSet++;
    this.#log.info({ userId, roles }, 'roles set');
  }

  passwordSet(userId: number): void {
    this.#counters.passwordsSet++;
    this.#log.info({ userId }, 'password set');
  }

  signedIn({ userId }: User): void {
    this.#counters.signIns++;
    this.#log.debug({ userId }, 'signed in');
  }

  partnerSignedIn({ userId }: User, issuer: string): void {
    this.#counters.partnerSignIns++;
    this.#log.debug({ userId, issuer }, 'partner user signed in');
  }

  /** The name stays out of the line: people type their password into the field beside it. */
  signInRefused(code: string, remoteAddress: string): void {
    this.#counters.signInsRefused++;
    this.#log.warn({ code, remoteAddress }, 'sign-in refused');
  }

  signedOut(userId: number): void {
    this.#counters.signOuts++;
    this.#log.debug({ userId }, 'signed out');
  }

  apiTokenCreated({ userId, tokenId, scopes }: StoredApiToken): void {
    this.#counters.apiTokensCreated++;
    this.#log.info({ userId, tokenId, scopes }, 'API token created');
  }

  apiTokenRevoked(userId: number, tokenId: string): void {
    this.#counters.apiTokensRevoked++;
    this.#log.info({ userId, tokenId }, 'API token revoked');
  }

  issuerPut({ issuer, audience }: Issuer): void {
    this.#counters.issuersPut++;
    this.#log.info({ issuer, audience }, 'partner issuer put');
  }

  signingKeyMade({ kid }: SigningKey): void {
    this.#counters.signingKeysMade++;
    this.#log.info({ kid }, 'signing key made');
  }

  sessionsPurged(sessions: number): void {
    this.#counters.sessionsPurged += sessions;
  }

  upkeepFailed(error: unknown): void {
    this.#counters.upkeepFailures++;
    this.#log.warn({ error }, 'upkeep failed');
  }
}

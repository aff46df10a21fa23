import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import type { Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { accountErrors, commonErrors } from '@gala/protocol/errors';
import { createLocalJWKSet, decodeJwt, errors, jwtVerify, type JSONWebKeySet, type JWK } from 'jose';
import type { AccountConfig } from './config.ts';
import type { AccountEvents } from './events.ts';
import * as store from './store/issuers.ts';
import type { Issuer } from './store/issuers.ts';
import type { Identity } from './store/names.ts';

const algorithms = ['EdDSA', 'Ed25519', 'ES256', 'RS256'];
const clockLeewaySeconds = 30;
const issuersMax = 1000;
const keysMax = 20;
const jwtCharactersMax = 8192;
const jwksCharactersMax = 65_536;
const claimPattern = /^\P{Cc}{1,256}$/u;
/** Issuers whose keys are kept ready. */
const keySetsMax = 256;

export interface PartnerParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: AccountConfig;
  readonly metrics: Metrics;
  readonly events: AccountEvents;
}

interface TrustedIssuer extends Issuer {
  readonly keySet: ReturnType<typeof createLocalJWKSet>;
}

/** Partner issuers and their JSON Web Tokens (RFC 7519), checked against keys that an operator stored. */
export class Partners {
  readonly #parts: PartnerParts;
  readonly #trusted: LoadingCache<string, TrustedIssuer | undefined>;

  constructor(parts: PartnerParts) {
    this.#parts = parts;
    const { clock, config, metrics } = parts;
    this.#trusted = new LoadingCache({
      clock,
      entriesMax: keySetsMax,
      ttlMs: config.authCacheMs,
      isKept: (issuer) => issuer !== undefined,
      counters: metrics.counters('account_issuer_cache', loadingCacheCounterNames),
    });
  }

  /** Trusts an issuer, or replaces its keys. @throws CodedError INVALID_REQUEST */
  async put(issuer: Issuer): Promise<void> {
    checkIssuer(issuer);
    const isStored = await store.putIssuer(this.#core, issuer, issuersMax);
    if (!isStored) throw invalid(`more than ${issuersMax} issuers`);
    this.#trusted.delete(issuer.issuer);
    this.#parts.events.issuerPut(issuer);
  }

  list(): Promise<Issuer[]> {
    return store.listIssuers(this.#core);
  }

  /** @throws CodedError ISSUER_UNKNOWN, ISSUER_TOKEN_INVALID */
  async verify(jwt: string): Promise<Identity> {
    const trusted = await this.#issuerOf(jwt);
    try {
      const { payload } = await jwtVerify(jwt, trusted.keySet, {
        issuer: trusted.issuer,
        audience: trusted.audience,
        algorithms,
        clockTolerance: clockLeewaySeconds,
        currentDate: new Date(this.#parts.clock.nowMs()),
        requiredClaims: ['exp', 'sub'],
      });
      return { issuer: trusted.issuer, subject: subjectOf(payload.sub) };
    } catch (cause) {
      if (!(cause instanceof errors.JOSEError)) throw cause;
      throw new CodedError(accountErrors, 'ISSUER_TOKEN_INVALID', { cause, detail: cause.code });
    }
  }

  get #core() {
    return this.#parts.sql.core().pool;
  }

  async #issuerOf(jwt: string): Promise<TrustedIssuer> {
    const name = jwt.length <= jwtCharactersMax ? unverifiedIssuer(jwt) : undefined;
    if (name === undefined) throw new CodedError(accountErrors, 'ISSUER_TOKEN_INVALID');
    const trusted = await this.#trusted.get(name, async () => {
      const stored = await store.findIssuer(this.#core, name);
      return stored && { ...stored, keySet: createLocalJWKSet(JSON.parse(stored.jwks) as JSONWebKeySet) };
    });
    if (!trusted) throw new CodedError(accountErrors, 'ISSUER_UNKNOWN');
    return trusted;
  }
}

/** Read only to choose the keys; it counts for nothing until the signature is checked. */
function unverifiedIssuer(jwt: string): string | undefined {
  try {
    const { iss } = decodeJwt(jwt);
    return typeof iss === 'string' && claimPattern.test(iss) ? iss : undefined;
  } catch {
    return undefined;
  }
}

function subjectOf(sub: string | undefined): string {
  if (sub && claimPattern.test(sub)) return sub;
  throw new CodedError(accountErrors, 'ISSUER_TOKEN_INVALID', { detail: 'sub' });
}

function checkIssuer({ issuer, audience, jwks }: Issuer): void {
  if (!claimPattern.test(issuer)) throw invalid('issuer');
  if (!claimPattern.test(audience)) throw invalid('audience');
  if (jwks.length > jwksCharactersMax) throw invalid('jwks is too large');
  const keys = keysOf(jwks);
  if (keys.length === 0 || keys.length > keysMax) throw invalid(`jwks has 1 to ${keysMax} keys`);
  const isPublic = (key: JWK) => ['OKP', 'EC', 'RSA'].includes(key.kty ?? '') && key.d === undefined;
  if (!keys.every(isPublic)) throw invalid('jwks holds public OKP, EC or RSA keys only');
}

function keysOf(jwks: string): JWK[] {
  try {
    createLocalJWKSet(JSON.parse(jwks) as JSONWebKeySet);
    return (JSON.parse(jwks) as JSONWebKeySet).keys;
  } catch (error) {
    if (hasCode(error)) throw error;
    throw invalid('jwks is no JSON Web Key Set');
  }
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

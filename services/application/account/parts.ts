import type { Context } from '@gala/lib/lifecycle';
import { ApiTokens } from './api-tokens.ts';
import type { AccountConfig } from './config.ts';
import { AccountEvents } from './events.ts';
import { Partners } from './partners.ts';
import { Passwords } from './passwords.ts';
import { Principals } from './principals.ts';
import { Sessions } from './sessions.ts';
import { SigningKeys } from './signing-keys.ts';
import { Tries } from './tries.ts';
import { Users } from './users.ts';

export interface PartsNeeded extends Pick<Context, 'sql' | 'clock' | 'logger' | 'metrics'> {
  readonly config: AccountConfig;
  readonly operatorToken: string;
}

/** The domain of the role, each part given what it needs. */
export function createParts({ sql, clock, logger, metrics, config, operatorToken }: PartsNeeded) {
  const events = new AccountEvents({ logger, metrics });
  const passwords = new Passwords(config);
  const tries = new Tries(config, clock);
  const base = { sql, clock, metrics, config, events, passwords, tries, operatorToken };
  const principals = new Principals(base);
  const users = new Users(base);
  const partners = new Partners(base);
  const signingKeys = new SigningKeys(base);
  const apiTokens = new ApiTokens({ ...base, principals });
  const sessions = new Sessions({ ...base, principals, users, partners });
  return { ...base, principals, users, partners, signingKeys, apiTokens, sessions };
}

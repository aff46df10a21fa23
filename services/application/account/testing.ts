import { ManualClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations } from '@gala/lib/coord';
import { jobMigrations } from '@gala/lib/jobs';
import { createMetrics } from '@gala/lib/metrics';
import { startTestPostgres } from '@gala/lib/sql/testing';
import { accountSection, readConfig, type AccountConfig } from './config.ts';
import { createParts } from './parts.ts';
import { migrations } from './store/schema.ts';

export type TestAccounts = Awaited<ReturnType<typeof startTestAccounts>>;

export const operatorToken = 'the token of this installation';
export const password = 'correct horse battery';

/** The domain of the account role on a real PostgreSQL, with a clock that tests move. */
export async function startTestAccounts(changes: Partial<AccountConfig> = {}) {
  const postgres = await startTestPostgres({ sets: [coordMigrations, jobMigrations, ...migrations] });
  const { sql, logger } = postgres;
  const clock = new ManualClock();
  const config = { ...readConfig(loadSettings([accountSection], { env: {} })), ...changes };
  const needed = { sql, logger, clock, config, operatorToken };
  const parts = createParts({ ...needed, metrics: createMetrics('test') });
  return {
    ...parts,
    clock,
    postgres,
    /** The same on the same databases, as another process has it. */
    otherProcess: () => createParts({ ...needed, metrics: createMetrics('other') }),
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  };
}

let usersMade = 0;

export function makeUser({ users }: TestAccounts, roles: readonly string[] = ['viewer']) {
  return users.create({ name: `mira${++usersMade}`, password, roles });
}

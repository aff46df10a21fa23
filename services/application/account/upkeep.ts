import type { Clock } from '@gala/lib/clock';
import type { Jobs } from '@gala/lib/jobs';
import type { Sql } from '@gala/lib/sql';
import type { AccountEvents } from './events.ts';
import type { SigningKeys } from './signing-keys.ts';
import { purgeSessions } from './store/sessions.ts';

const everyMs = 60_000;
/** Expired sessions removed from one database at a turn; the rest waits for the next. */
const sessionsPerTurnMax = 5000;

export interface UpkeepParts {
  readonly sql: Sql;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly events: AccountEvents;
  readonly signingKeys: SigningKeys;
}

/**
 * Replaces signing keys by age and removes expired sessions; one process does. Both effects are guarded by what is
 * in the database, so one turn too many does no harm.
 */
export function startUpkeep(parts: UpkeepParts, intervalMs = everyMs): Promise<AsyncDisposable> {
  const { jobs, sql, clock, events, signingKeys } = parts;
  return jobs.shard({ job: 'account.upkeep', partitions: 1, intervalMs }, async () => {
    try {
      await signingKeys.rotate();
      for (const { pool } of sql.shards()) {
        events.sessionsPurged(await purgeSessions(pool, clock.nowMs(), sessionsPerTurnMax));
      }
    } catch (error) {
      events.upkeepFailed(error);
      throw error;
    }
  });
}

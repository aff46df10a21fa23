import { systemClock } from '../../lib/clock/index.ts';
import { openPostgresCoord, type OpenCoord } from '../../lib/coord/index.ts';
import type { EventLog } from '../../lib/eventlog/index.ts';
import { createMetrics, type Metrics } from '../../lib/metrics/index.ts';
import type { TestPostgres } from '../../lib/sql/testing/index.ts';

/** Opens a log as a process of its own would: with its membership and its metrics. */
export async function openTestLog(
  postgres: TestPostgres,
  processId: string,
  open: (parts: { coord: OpenCoord; metrics: Metrics }) => EventLog,
): Promise<EventLog> {
  const { logger, sql } = postgres;
  const metrics = createMetrics(processId);
  const database = sql.core();
  const coord = await openPostgresCoord({ database, processId, clock: systemClock, logger, metrics });
  const log = open({ coord, metrics });
  return {
    append: (...append) => log.append(...append),
    end: (topic) => log.end(topic),
    consume: (...consume) => log.consume(...consume),
    follow: (...follow) => log.follow(...follow),
    [Symbol.asyncDispose]: async () => {
      await log[Symbol.asyncDispose]();
      await coord[Symbol.asyncDispose]();
    },
  };
}

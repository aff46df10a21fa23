import { systemClock } from '../clock/index.ts';
import { coordMigrations, openPostgresCoord } from '../coord/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { startTestPostgres } from '../sql/testing/index.ts';
import { logContract, type LogFixture } from './contract.ts';
import { eventlogMigrations } from './migrations.ts';
import { openPostgresLog } from './postgres.ts';
import { startLogProcess } from '../../test/harness/log-process.ts';
import type { EventLog } from './types.ts';

logContract('PostgreSQL', async (): Promise<LogFixture> => {
  const postgres = await startTestPostgres({ sets: [coordMigrations, eventlogMigrations] });
  const { logger, urls } = postgres;
  const processes = new AsyncDisposableStack();
  const database = postgres.sql.core();
  return {
    open: async (processId): Promise<EventLog> => {
      const metrics = createMetrics(processId);
      const coord = await openPostgresCoord({ database, processId, clock: systemClock, logger, metrics });
      const log = openPostgresLog({ database, coord, processId, logger, metrics });
      const close = async (): Promise<void> => {
        await log[Symbol.asyncDispose]();
        await coord[Symbol.asyncDispose]();
      };
      return {
        append: (...append) => log.append(...append),
        end: (topic) => log.end(topic),
        consume: (...consume) => log.consume(...consume),
        follow: (...follow) => log.follow(...follow),
        [Symbol.asyncDispose]: close,
      };
    },
    startProcess: async (options) => {
      const started = startLogProcess({ ...options, url: urls.core });
      processes.defer(() => started.kill());
      return started;
    },
    stopEngine: () => postgres.stop(),
    startEngine: () => postgres.start(),
    [Symbol.asyncDispose]: async () => {
      await processes.disposeAsync();
      await postgres[Symbol.asyncDispose]();
    },
  };
});

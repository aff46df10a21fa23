import { openTestLog } from '../../test/harness/log-fixture.ts';
import { startLogProcess } from '../../test/harness/log-process.ts';
import { coordMigrations } from '../coord/index.ts';
import { startTestPostgres } from '../sql/testing/index.ts';
import { logContract, type LogFixture } from './contract.ts';
import { eventlogMigrations } from './migrations.ts';
import { openPostgresLog } from './postgres.ts';

logContract('PostgreSQL', async (): Promise<LogFixture> => {
  const processes = new AsyncDisposableStack();
  const postgres = await startTestPostgres({ sets: [coordMigrations, eventlogMigrations] });
  const { logger, urls } = postgres;
  const database = postgres.sql.core();
  return {
    open: (processId) =>
      openTestLog(postgres, processId, (parts) => openPostgresLog({ ...parts, database, processId, logger })),
    startProcess: (options) => {
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

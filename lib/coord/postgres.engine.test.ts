import { startOwner } from '../../test/harness/coord-owner.ts';
import { systemClock } from '../clock/index.ts';
import { createMetrics } from '../metrics/index.ts';
import type { Database } from '../sql/index.ts';
import { openDatabase } from '../sql/pool.ts';
import { openWire, startTestPostgres } from '../sql/testing/index.ts';
import { coordContract, type CoordFixture, type Killable } from './contract.ts';
import { coordMigrations } from './migrations.ts';
import type { OpenCoord } from './coordinator.ts';
import { openPostgresCoord } from './postgres.ts';

coordContract('PostgreSQL', async (): Promise<CoordFixture> => {
  const owners: Killable[] = [];
  const behind = new AsyncDisposableStack();
  const postgres = await startTestPostgres({ sets: [coordMigrations] });
  const { logger, sql, urls } = postgres;
  const open = (processId: string, database: Database): Promise<OpenCoord> =>
    openPostgresCoord({ database, processId, clock: systemClock, logger, metrics: createMetrics(processId) });
  return {
    open: (processId) => open(processId, sql.core()),
    openBehindWire: async (processId) => {
      const wire = behind.use(await openWire(urls.core));
      const options = { name: 'core', url: wire.url, connectionsMax: 2, processName: processId };
      const onFailure = (): void => undefined;
      const database = behind.use(openDatabase({ ...options, statementTimeoutMs: 500, onFailure }));
      return { coord: await open(processId, database), cut: wire.cut };
    },
    startOwner: async (options) => {
      const owner = await startOwner({ ...options, url: urls.core });
      owners.push(owner);
      return owner;
    },
    stopEngine: () => postgres.stop(),
    startEngine: () => postgres.start(),
    [Symbol.asyncDispose]: async () => {
      for (const owner of owners) owner.kill();
      await behind.disposeAsync();
      await postgres[Symbol.asyncDispose]();
    },
  };
});

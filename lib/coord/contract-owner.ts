import { systemClock } from '../clock/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { openDatabase } from '../sql/pool.ts';
import { openPostgresCoord } from './postgres.ts';

/** A process of its own for the contract: joins, takes a lease, says so, and lives until it is killed. */
const { url, processId, group, job, partition } = JSON.parse(process.env['COORD_OWNER'] ?? '{}') as {
  url: string;
  processId: string;
  group: string;
  job: string;
  partition: number;
};
const database = openDatabase({
  name: 'core',
  url,
  connectionsMax: 2,
  processName: processId,
  statementTimeoutMs: 5000,
  onFailure: () => undefined,
});
const logger = createLogger({ name: processId, level: 'silent' });
const metrics = createMetrics(processId);
const coord = await openPostgresCoord({ database, processId, clock: systemClock, logger, metrics });
await coord.join(group, { id: processId, data: {} });
await coord.lease(job, partition);
process.stdout.write('holding\n');
setInterval(() => undefined, 60_000);

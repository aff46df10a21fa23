import { systemClock } from '../clock/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { openDatabase } from '../sql/pool.ts';
import type { OpenCoord } from './coordinator.ts';
import { openEtcdCoord } from './etcd.ts';
import { openPostgresCoord } from './postgres.ts';

/** A process of its own for the contract: joins, takes a lease, says so, and lives until it is killed. */
const { url, prefix, processId, group, job, partition } = JSON.parse(process.env['COORD_OWNER'] ?? '{}') as {
  url: string;
  /** Given for etcd. */
  prefix?: string;
  processId: string;
  group: string;
  job: string;
  partition: number;
};

// Coordination alone keeps no process running.
setInterval(() => undefined, 60_000);
const coord = await open();
await coord.join(group, { id: processId, data: {} });
await coord.lease(job, partition);
process.stdout.write('holding\n');

function open(): Promise<OpenCoord> {
  const logger = createLogger({ name: processId, level: 'silent' });
  const parts = { processId, clock: systemClock, logger, metrics: createMetrics(processId) };
  if (prefix !== undefined) return openEtcdCoord({ ...parts, endpoints: [url], prefix });
  const options = { name: 'core', url, connectionsMax: 2, processName: processId };
  const onFailure = (): void => undefined;
  const database = openDatabase({ ...options, statementTimeoutMs: 5000, onFailure });
  return openPostgresCoord({ ...parts, database });
}

import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { openDatabase } from '../sql/pool.ts';
import { JobRunner } from './runner.ts';

/** A worker process of its own for the tests: holds jobs of kind `hold`, works off those of kind `work`. */
const { url, processId } = JSON.parse(process.env['JOB_OWNER'] ?? '{}') as { url: string; processId: string };
const database = openDatabase({
  name: 'core',
  url,
  connectionsMax: 4,
  processName: processId,
  statementTimeoutMs: 5000,
  onFailure: () => undefined,
});
const logger = createLogger({ name: processId, level: 'silent' });
const metrics = createMetrics(processId);
const runner = new JobRunner({ database, processId, clock: systemClock, logger, metrics });

runner.handle('hold', {}, async ({ fence, signal }) => {
  process.stdout.write(`holds ${fence}\n`);
  await new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error)),
  );
});
const options = { concurrency: 4, retries: 1000, retryMs: { initial: 20, max: 200 } };
runner.handle('work', options, async (job) => {
  const { key, fence } = job;
  await sleep(Math.random() * 60);
  if (Math.random() < 0.1) throw new Error('by chance');
  await job.commit(async (client) => {
    await client.query('insert into effect(key, fence) values ($1, $2)', [key, fence]);
    // Some are killed or stopped in here.
    await sleep(Math.random() * 20);
    if (Math.random() < 0.05) throw new Error('by chance, with the effect made');
  });
});
process.stdout.write('works\n');
setInterval(() => undefined, 60_000);

import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock/index.ts';
import { openPostgresCoord, type Coord } from '../coord/index.ts';
import { codeOf } from '../error/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { openDatabase } from '../sql/pool.ts';
import { JobRunner, type ShardOptions } from './index.ts';

/** A worker process of its own for the tests: each tick writes one row, sometimes slowly, sometimes in vain. */
const { url, coordUrl, processId, options, failures, isDeaf } = JSON.parse(
  process.env['SHARD_OWNER'] ?? '{}',
) as {
  url: string;
  coordUrl: string;
  processId: string;
  options: ShardOptions;
  /** Share of attempts that fail, half of them with the effect made but not committed. */
  failures: number;
  /** Never told that a lease was lost, as if its clock had stood still: only the fence keeps it from harm. */
  isDeaf: boolean;
};
const settings = {
  name: 'core',
  processName: processId,
  statementTimeoutMs: 5000,
  onFailure: () => undefined,
};
const database = openDatabase({ ...settings, url, connectionsMax: 10 });
const behindWire = openDatabase({ ...settings, url: coordUrl, connectionsMax: 2 });
const logger = createLogger({ name: processId, level: 'silent' });
const metrics = createMetrics(processId);
const parts = { database, processId, clock: systemClock, logger, metrics };
const coord = await openPostgresCoord({ ...parts, database: behindWire });
const runner = new JobRunner({ ...parts, coord: isDeaf ? deafened(coord) : coord });

await runner.shard(options, async (tick) => {
  if (Math.random() < failures / 2) throw new Error('by chance');
  try {
    await tick.commit(async (client) => {
      const text = 'insert into tick_effect(partition, tick, fence, worker) values ($1, $2, $3, $4)';
      await client.query(text, [tick.partition, tick.tick, tick.fence, processId]);
      // Some are killed, stopped or cut off in here.
      if (failures > 0) await sleep(Math.random() * 10);
      if (Math.random() < failures / 2) throw new Error('by chance, with the effect made');
    });
  } catch (error) {
    process.stdout.write(`${codeOf(error)}\n`);
    throw error;
  }
});
process.stdout.write('works\n');
process.once('SIGTERM', () => void leave());
setInterval(() => undefined, 60_000);

async function leave(): Promise<void> {
  await runner[Symbol.asyncDispose]();
  await coord[Symbol.asyncDispose]();
  await behindWire[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  process.exit(0);
}

function deafened(heard: Coord): Coord {
  return {
    join: (group, member) => heard.join(group, member),
    members: (group) => heard.members(group),
    lease: async (job, partition, signal) => {
      const lease = await heard.lease(job, partition, signal);
      const giveBack = async (): Promise<void> => lease[Symbol.asyncDispose]();
      const { fence } = lease;
      return { job, partition, fence, signal: new AbortController().signal, [Symbol.asyncDispose]: giveBack };
    },
    get: (key) => heard.get(key),
    cas: (key, expected, value) => heard.cas(key, expected, value),
    watch: (key) => heard.watch(key),
  };
}

import { systemClock } from '../clock/index.ts';
import { openPostgresCoord } from '../coord/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { openDatabase } from '../sql/pool.ts';
import { openKafkaLog } from './kafka.ts';
import { openPostgresLog } from './postgres.ts';
import type { EventLog, Topic } from './types.ts';

/** What a process of the contract does until it is killed. */
export interface ContractProcess {
  readonly url: string;
  /** Those of Kafka, when the log is there; coordination is in the database all the same. */
  readonly brokers?: readonly string[];
  readonly processId: string;
  readonly topic: Topic;
  /** Writes numbers under each of the keys, and prints `key number` when it is acknowledged. */
  readonly keys?: readonly string[];
  /** Reads for a group, commits, and prints `partition offset`. */
  readonly group?: string;
}

const options = JSON.parse(process.env['EVENTLOG_PROCESS'] ?? '{}') as ContractProcess;
const log = await open();
if (options.group) void consume(options.group);
for (const key of options.keys ?? []) void write(key);
setInterval(() => undefined, 60_000);

async function open(): Promise<EventLog> {
  const { url, processId } = options;
  const logger = createLogger({ name: processId, level: 'silent' });
  const metrics = createMetrics(processId);
  const database = openDatabase({
    name: 'core',
    url,
    connectionsMax: 4,
    processName: processId,
    statementTimeoutMs: 5000,
    onFailure: () => undefined,
  });
  const coord = await openPostgresCoord({ database, processId, clock: systemClock, logger, metrics });
  const { brokers } = options;
  if (brokers)
    return openKafkaLog({
      access: { brokers, prefix: 'test-', replication: 1 },
      coord,
      processId,
      logger,
      metrics,
    });
  return openPostgresLog({ database, coord, processId, logger, metrics });
}

async function write(key: string): Promise<void> {
  for (let number = 1; ; number++) {
    await log.append(options.topic, key, [Buffer.from(String(number))]);
    process.stdout.write(`${key} ${number}\n`);
  }
}

async function consume(group: string): Promise<void> {
  for await (const batch of log.consume(options.topic, group, new AbortController().signal)) {
    await batch.commit();
    for (const { offset } of batch.records) process.stdout.write(`${batch.partition} ${offset}\n`);
  }
}

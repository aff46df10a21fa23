/** `npm run bench -- eventlog`: what both engines of the event log take, and how soon a reader has it. */
import { systemClock } from '@gala/lib/clock';
import { coordMigrations, openPostgresCoord, type Coord } from '@gala/lib/coord';
import { eventlogMigrations, openPostgresLog, type EventLog, type Topic } from '@gala/lib/eventlog';
import { createLogger } from '@gala/lib/logger';
import { createMetrics, type Metrics } from '@gala/lib/metrics';
import {
  databaseNames,
  databaseUrls,
  ensureDatabases,
  openSql,
  prepareDatabases,
  startEmbedded,
  type OpenSql,
} from '@gala/lib/sql';
import { openKafkaLog } from '../lib/eventlog/kafka.ts';
import { startKafka } from '../test/harness/engines/kafka.ts';
import { temporaryFolder } from './cache.ts';

const producers = 8;
const batchRecords = 100;
const recordBytes = 200;
const warmUpMs = 2000;
const measureMs = 5000;
const latencySamples = 500;
const latencyEveryMs = 5;
const keys = 16;

const topic: Topic = { name: 'bench', partitions: 8, retentionMs: 3_600_000 };
const logger = createLogger({ name: 'bench', level: 'error' });

/** A log as a process of its own has it. */
type Open = (processId: string) => Promise<EventLog>;

export async function main(): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const sql = await openDatabases(stack);
  const database = sql.core();
  const open = async (
    processId: string,
    make: (parts: { coord: Coord; metrics: Metrics; processId: string }) => EventLog,
  ): Promise<EventLog> => {
    const metrics = createMetrics(processId);
    const coord = stack.use(
      await openPostgresCoord({ database, processId, clock: systemClock, logger, metrics }),
    );
    return stack.use(make({ coord, metrics, processId }));
  };
  const rows = [
    await measure('PostgreSQL, fsync on', (processId) =>
      open(processId, (parts) => openPostgresLog({ ...parts, database, logger })),
    ),
  ];
  const kafka = stack.use(await startKafka());
  const access = { brokers: kafka.addresses, prefix: 'bench-', replication: 1 };
  rows.push(
    await measure('Kafka, one broker', (processId) =>
      open(processId, (parts) => openKafkaLog({ ...parts, access, logger })),
    ),
  );
  console.table(rows);
  return 0;
}

/** An embedded server as an installation has it, on a folder of its own. */
async function openDatabases(stack: AsyncDisposableStack): Promise<OpenSql> {
  const dataFolder = await temporaryFolder('eventlog');
  const server = await startEmbedded({ dataFolder, logger });
  stack.defer(() => server.stop());
  const urls = databaseUrls((name) => server.url(name));
  await ensureDatabases(server.url('postgres'), databaseNames());
  await prepareDatabases({ urls, sets: [coordMigrations, eventlogMigrations], logger });
  const options = { urls, connectionsMax: 30, processName: 'bench', clock: systemClock };
  return stack.use(await openSql({ ...options, logger, metrics: createMetrics('bench') }));
}

async function measure(engine: string, open: Open): Promise<object> {
  const logs = await Promise.all(Array.from({ length: producers }, (_, index) => open(`producer-${index}`)));
  await appendFor(logs, warmUpMs);
  const perSecond = await appendFor(logs, measureMs);
  const latencies = await readLatencies(logs[0], await open('reader'));
  return {
    engine,
    'events/s': Math.round(perSecond),
    'reader begins ms': Math.round(latencies.beginMs),
    'append p50 ms': quantile(latencies.appended, 0.5),
    'append p99 ms': quantile(latencies.appended, 0.99),
    'append → reader p50 ms': quantile(latencies.read, 0.5),
    'append → reader p99 ms': quantile(latencies.read, 0.99),
  };
}

/** Every producer has one append of a batch under way. */
async function appendFor(logs: readonly EventLog[], ms: number): Promise<number> {
  const values = Array.from({ length: batchRecords }, () => Buffer.alloc(recordBytes, 1));
  const beginMs = performance.now();
  let records = 0;
  const produce = async (log: EventLog, index: number): Promise<void> => {
    for (let turn = 0; performance.now() - beginMs < ms; turn++) {
      await log.append(topic, `key-${index}-${turn % keys}`, values);
      records += values.length;
    }
  };
  await Promise.all(logs.map(produce));
  return (records / (performance.now() - beginMs)) * 1000;
}

interface Latencies {
  /** From `follow` until the reader is at the end: on Kafka it looks back for what was written twice. */
  readonly beginMs: number;
  /** Until the append is acknowledged. */
  readonly appended: number[];
  /** From before the append until the record is in the reader's hands. */
  readonly read: number[];
}

/** One record at a time, after the reader has had one of each key. */
async function readLatencies(writer: EventLog, reader: EventLog): Promise<Latencies> {
  const ending = new AbortController();
  const end = await reader.end(topic);
  const followMs = performance.now();
  const came = new Map<number, (atMs: number) => void>();
  const reading = (async () => {
    for await (const { records } of reader.follow(topic, end, ending.signal))
      for (const { value } of records) came.get(value.readUInt32BE())?.(performance.now());
  })();
  const send = async (sample: number): Promise<{ appendedMs: number; readMs: number }> => {
    const value = Buffer.alloc(recordBytes);
    value.writeUInt32BE(sample);
    const beginMs = performance.now();
    const read = new Promise<number>((resolve) => came.set(sample, resolve));
    await writer.append(topic, `key-${sample % keys}`, [value]);
    const appendedMs = performance.now() - beginMs;
    return { appendedMs, readMs: (await read) - beginMs };
  };
  await Promise.all(Array.from({ length: keys }, (_, key) => send(key)));
  const beginMs = performance.now() - followMs;
  const samples: { appendedMs: number; readMs: number }[] = [];
  for (let sample = keys; sample < keys + latencySamples; sample++) {
    samples.push(await send(sample));
    await new Promise((resolve) => setTimeout(resolve, latencyEveryMs));
  }
  ending.abort();
  await reading;
  const ordered = (of: (sample: (typeof samples)[0]) => number): number[] =>
    samples.map(of).toSorted((one, other) => one - other);
  return {
    beginMs,
    appended: ordered(({ appendedMs }) => appendedMs),
    read: ordered(({ readMs }) => readMs),
  };
}

function quantile(sorted: readonly number[], share: number): number {
  return Number((sorted[Math.floor((sorted.length - 1) * share)] ?? NaN).toFixed(1));
}

import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { openPostgresLog } from '@gala/lib/eventlog';
import { waitUntil } from '@gala/lib/lifecycle';
import { createMetrics } from '@gala/lib/metrics';
import type { Database } from '@gala/lib/sql';
import type { TestPostgres } from '@gala/lib/sql/testing';
import { randomOf, RandomRooms } from './random-rooms.ts';
import { counterOf, differences, openReplica, type Replica } from './replica.ts';
import { setBackLog } from './set-back-log.ts';

export interface SimulationOptions {
  readonly postgres: TestPostgres;
  readonly seed: number;
  readonly changes: number;
  readonly replicas: number;
  /** Batches of 25 changes. */
  readonly roundsBetweenFaults: number;
  /** Starts the reader of changes as a process of its own; `kill` is kill -9. */
  readonly startReader: () => Promise<{ kill(): Promise<void> }>;
}

export interface Simulated {
  readonly changes: number;
  /** How often each fault was made. */
  readonly faults: Readonly<Record<Fault, number>>;
  /** Longest time from the end of changes until all replicas were equal. */
  readonly healMsMax: number;
  /** Rooms that some replica has other than the databases at the end, some of them. */
  readonly differences: readonly string[];
  readonly replicas: readonly { refreshes: number; gaps: number; restarts: number; mismatches: number }[];
}

const faults = ['readerKilled', 'feedCut', 'slotLost', 'logCut', 'logRestored'] as const;
type Fault = (typeof faults)[number];

const batchSize = 25;
/** No periodic refresh comes to the help of the feed. */
const ongoingRefreshMs = 3_600_000;

/**
 * Random changes of rooms while, in a random order, the reader of changes is killed, its connections and those of the
 * log are cut, its slot is lost, and the log is set back to an older state. At the end every replica has to be what
 * the databases say.
 */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const { postgres, seed, changes } = options;
  await using stack = new AsyncDisposableStack();
  const replicas = await openReplicas(options, stack);
  const random = await RandomRooms.open(postgres.sql, { seed, hosts: 2000 });
  const chance = randomOf(seed + 1);
  let reader = await options.startReader();
  const counts = Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
  let order: Fault[] = [];
  let healMsMax = 0;
  try {
    while (random.changes < changes) {
      for (let round = 0; round < options.roundsBetweenFaults; round++) {
        await patiently(() => random.batch(batchSize));
      }
      if (order.length === 0) order = shuffled(faults, chance);
      const fault = order.pop()!;
      counts[fault]++;
      const isReaderless = fault === 'readerKilled' || fault === 'slotLost' || fault === 'logRestored';
      if (isReaderless) await reader.kill();
      await make(fault, options);
      await patiently(() => random.batch(batchSize));
      if (isReaderless) reader = await options.startReader();
      // Else the next fault comes while this one is being mended.
      if (chance() < 0.5) healMsMax = Math.max(healMsMax, await heal(postgres, replicas));
    }
    healMsMax = Math.max(healMsMax, await heal(postgres, replicas));
    return {
      changes: random.changes,
      faults: counts,
      healMsMax: Math.round(healMsMax),
      differences: (await differencesOf(postgres, replicas)).slice(0, 10),
      replicas: await Promise.all(replicas.map(summaryOf)),
    };
  } finally {
    await reader.kill();
  }
}

async function differencesOf({ sql }: TestPostgres, replicas: readonly Replica[]): Promise<string[]> {
  return (await Promise.all(replicas.map(({ rooms }) => differences(sql, rooms)))).flat();
}

/** How long it takes until all replicas are equal to the databases, nothing changing meanwhile; 30 s at most. */
async function heal(postgres: TestPostgres, replicas: readonly Replica[]): Promise<number> {
  const startMs = performance.now();
  const isEqual = async (): Promise<boolean> => (await differencesOf(postgres, replicas)).length === 0;
  await waitUntil(isEqual, { timeoutMs: 30_000, intervalMs: 100 }).catch(() => undefined);
  return performance.now() - startMs;
}

function shuffled<Each>(all: readonly Each[], chance: () => number): Each[] {
  return all
    .map((each) => [chance(), each] as const)
    .sort(([a], [b]) => a - b)
    .map(([, each]) => each);
}

async function openReplicas(
  { postgres, replicas }: SimulationOptions,
  stack: AsyncDisposableStack,
): Promise<Replica[]> {
  const { sql, logger } = postgres;
  const metrics = createMetrics('simulation');
  const base = { clock: systemClock, logger, metrics, processId: 'simulation' };
  const coord = stack.use(await openPostgresCoord({ ...base, database: sql.core() }));
  const log = stack.use(openPostgresLog({ ...base, database: sql.core(), coord }));
  return Array.from({ length: replicas }, () =>
    stack.use(openReplica({ sql, log, clock: systemClock, logger, ongoingRefreshMs })),
  );
}

async function make(fault: Fault, { postgres }: SimulationOptions): Promise<void> {
  const { sql } = postgres;
  if (fault === 'feedCut')
    for (const database of sql.shards()) await endSessions(database, `backend_type = 'walsender'`);
  if (fault === 'logCut') await endSessions(sql.core(), `query ilike '%eventlog%'`);
  if (fault === 'slotLost') for (const database of sql.shards()) await dropSlots(database);
  if (fault === 'logRestored') await restoreLog(sql.core(), sql.shards()[0]);
}

async function endSessions({ pool }: Database, which: string): Promise<void> {
  await patiently(() =>
    pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and ${which}`,
    ),
  );
}

/** A reader that was killed holds its slot until the server notices. */
async function dropSlots({ pool }: Database): Promise<void> {
  await endSessions({ pool } as Database, `backend_type = 'walsender'`);
  const text = `select pg_drop_replication_slot(slot_name) from pg_replication_slots
    where database = current_database() and not active`;
  await waitUntil(
    async () => {
      await pool.query(text);
      const left = await pool.query('select from pg_replication_slots where database = current_database()');
      return left.rowCount === 0;
    },
    { timeoutMs: 10_000 },
  );
}

/** Longer than replicas need to see that the log is away. */
const restoreMs = 3000;

/** The core database goes away and comes back as it was before the last appends, as from a backup. */
async function restoreLog(core: Database, { pool: other }: Database): Promise<void> {
  const client = await core.openClient(60_000);
  try {
    const { rows } = await client.query<{ name: string }>('select current_database() as name');
    const [{ name }] = rows;
    await other.query(`alter database ${name} allow_connections false`);
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
    await setBackLog(client);
    await delay(restoreMs);
    await other.query(`alter database ${name} allow_connections true`);
  } finally {
    await client.end();
  }
}

/** A connection that was cut under a statement is no fault of the statement. */
async function patiently(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === 20) throw error;
      await delay(100);
    }
  }
}

async function summaryOf(replica: Replica) {
  const [refreshes, gaps, restarts, mismatches] = await Promise.all(
    ['refreshes', 'feed_gaps', 'feeds_restarted', 'mismatches'].map((name) => counterOf(replica, name)),
  );
  return { refreshes, gaps, restarts, mismatches };
}

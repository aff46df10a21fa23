/** Promises: a full refresh of the rooms on air <= 250 ms; a change is visible in each of ten replicas <= 300 ms (p99). */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '@gala/lib/clock';
import { coordMigrations } from '@gala/lib/coord';
import { eventlogMigrations } from '@gala/lib/eventlog';
import { waitUntil } from '@gala/lib/lifecycle';
import { createMetrics } from '@gala/lib/metrics';
import { openSql, type Sql } from '@gala/lib/sql';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { shardOfUser } from '@gala/protocol/ids';
import { migrations } from '@gala/services/application/room';
import { pace, type Paced } from '../services/application/room/ongoing/testing/pace.ts';
import { keepMoving, type MovedShard } from '../services/application/room/ongoing/testing/moving-shard.ts';
import { digestOf, type ReplicaState } from '../services/application/room/ongoing/testing/process.ts';
import { seedRooms } from '../services/application/room/ongoing/testing/seed.ts';
import { startRoomProcess, type RunningRoomProcess } from '../test/harness/room-processes.ts';
import { formatSpread, spreadOf } from './measure.ts';

const refreshMsMax = 250;
const visibleMsMax = 300;
/** For the last changes to arrive and to be counted. */
const settleMs = 1000;

export interface RoomsOptions {
  readonly rooms: number;
  readonly live: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly processes: number;
  readonly replicasPerProcess: number;
}

/** The size that is promised. */
export const fullOptions: RoomsOptions = {
  rooms: 2_000_000,
  live: 100_000,
  perSecond: 333,
  seconds: 60,
  processes: 5,
  replicasPerProcess: 2,
};
const quick: RoomsOptions = {
  ...fullOptions,
  rooms: 100_000,
  live: 5000,
  perSecond: 100,
  seconds: 10,
  processes: 2,
};

export interface RoomsResult {
  /** Of each full refresh by a replica that has read the rooms before, one at a time, nothing else running. */
  readonly refreshMs: readonly number[];
  /** The same, of replicas that know nothing yet. */
  readonly firstMs: readonly number[];
  readonly paced: Paced;
  /** One shard, moved back and forth meanwhile. */
  readonly moved: MovedShard;
  /** Begins and ends that were answered and are not in the databases. */
  readonly lost: number;
  readonly states: readonly ReplicaState[];
  /** Replicas that are equal to SQL after the last change. */
  readonly equal: number;
}

/** Answers 0 when the promises are kept, 1 otherwise. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { quick: { type: 'boolean' } } });
  const options = values.quick ? quick : fullOptions;
  const result = await measureRooms(options, (line) => console.log(line));
  return report(result, options);
}

/** The whole scale test; also run by the soak tests. */
export async function measureRooms(options: RoomsOptions, say: (line: string) => void): Promise<RoomsResult> {
  await using postgres = await startTestPostgres({
    sets: [coordMigrations, eventlogMigrations, ...migrations],
  });
  const sql = await openDurable(postgres);
  say(`seeding ${options.rooms} rooms, ${options.live} of them on air`);
  const hostIds = await seedRooms(sql, options);
  await using stack = new AsyncDisposableStack();
  const start = async (name: string, isReader: boolean, replicas: number): Promise<RunningRoomProcess> =>
    stack.use(await startRoomProcess({ name, urls: postgres.urls, isReader, replicas }));
  await start('reader', true, 0);
  const replicas: RunningRoomProcess[] = [];
  for (let index = 0; index < options.processes; index++) {
    replicas.push(await start(`replica-${index}`, false, options.replicasPerProcess));
  }
  await waitUntil(() => areReady(replicas), { timeoutMs: 120_000, what: 'the replicas', intervalMs: 200 });
  say('measuring full refreshes');
  const [refreshMs, firstMs]: [number[], number[]] = [[], []];
  for (const each of Array.from({ length: 4 }, () => replicas).flat()) {
    const times = await each.refresh();
    refreshMs.push(...times.againMs);
    firstMs.push(...times.firstMs);
  }
  say(`${options.perSecond} begins and as many ends a second for ${options.seconds} s`);
  await statesOf(replicas);
  const idle = idleHosts(hostIds, options);
  const over = new AbortController();
  const { signal } = over;
  const moving = keepMoving({
    sql,
    logger: postgres.logger,
    hostIds,
    shard: shardOfUser(idle[0]),
    pauseMs: 2000,
    signal,
  });
  const paced = await pace(await openWriter(postgres, stack), {
    ...options,
    hostIds: idle,
    sessions: 10,
  }).finally(() => over.abort());
  const moved = await moving;
  const states = await settledStates(postgres, replicas);
  const truth = await digestOfSql(postgres.sql);
  const lost = paced.begins + paced.ends - (await countWrites(sql));
  return {
    refreshMs,
    firstMs,
    paced,
    moved,
    lost,
    states,
    equal: states.filter(({ digest }) => digest === truth).length,
  };
}

/**
 * A server of tests flushes its log five times a second and sends no more than it has flushed. An installation commits
 * in time, so this one does too, though its flushes do not wait for the disk.
 */
async function openDurable(postgres: TestPostgres): Promise<Sql> {
  for (const { pool } of [postgres.sql.core(), ...postgres.sql.shards()]) {
    const { rows } = await pool.query<{ name: string }>('select quote_ident(current_database()) as name');
    await pool.query(`alter database ${rows[0].name} set synchronous_commit = on`);
  }
  return postgres.openSql('bench');
}

/** With connections enough for the pace, as several processes of the room role have. */
async function openWriter({ urls, logger }: TestPostgres, stack: AsyncDisposableStack): Promise<Sql> {
  const metrics = createMetrics('writer');
  const options = { urls, connectionsMax: 30, processName: 'writer', logger, metrics, clock: systemClock };
  return stack.use(await openSql(options));
}

/** Hosts that are not on air, as many as will begin. */
function idleHosts(hostIds: readonly number[], { live, perSecond, seconds }: RoomsOptions): number[] {
  const share = live / hostIds.length;
  const idle = hostIds.filter((hostId) => (hostId * 7919) % 100_000 >= share * 100_000);
  if (idle.length < perSecond * seconds) throw new Error('too few hosts for so many begins');
  return idle;
}

async function statesOf(replicas: readonly RunningRoomProcess[]): Promise<ReplicaState[]> {
  return (await Promise.all(replicas.map((each) => each.states()))).flat();
}

async function areReady(replicas: readonly RunningRoomProcess[]): Promise<boolean> {
  return (await statesOf(replicas)).every(({ rooms, isFed }) => isFed && rooms > 0);
}

/** The latencies of the run, with the digest that each replica ends with. */
async function settledStates(postgres: TestPostgres, replicas: readonly RunningRoomProcess[]) {
  await delay(settleMs);
  const measured = await statesOf(replicas);
  const truth = await digestOfSql(postgres.sql);
  let last = measured;
  const isEqual = async (): Promise<boolean> => {
    last = await statesOf(replicas);
    return last.every(({ digest }) => digest === truth);
  };
  await waitUntil(isEqual, { timeoutMs: 10_000, intervalMs: 200 }).catch(() => undefined);
  return measured.map((state, index) => ({ ...state, digest: last[index].digest, rooms: last[index].rooms }));
}

/** Rooms that were begun at the pace, and those of them that were ended. */
async function countWrites(sql: Sql): Promise<number> {
  const text = `select count(*)::int + count(*) filter (where state = 'ended')::int as writes
    from room where title = 'a new show'`;
  const counts = await Promise.all(sql.shards().map(({ pool }) => pool.query<{ writes: number }>(text)));
  return counts.reduce((sum, { rows }) => sum + rows[0].writes, 0);
}

async function digestOfSql(sql: Sql): Promise<string> {
  const parts = await Promise.all(
    sql.shards().map(async (database) => {
      const client = await database.openClient(60_000);
      try {
        const { rows } = await client.query<{ roomId: number; version: number }>(
          `select room_id as "roomId", version from room where state in ('live', 'hold')`,
        );
        return rows;
      } finally {
        await client.end();
      }
    }),
  );
  return digestOf(parts.flat());
}

function report(
  { refreshMs, firstMs, paced, moved, lost, states, equal }: RoomsResult,
  options: RoomsOptions,
): number {
  const refresh = spreadOf(refreshMs);
  const p99 = Math.max(...states.map(({ latencyMsP99 }) => latencyMsP99));
  const p50 = Math.max(...states.map(({ latencyMsP50 }) => latencyMsP50));
  const isPaced = paced.failures === 0 && paced.seconds < options.seconds * 1.2 + 2;
  console.log(
    `\n${options.rooms} rooms, ${options.live} on air, ${states.length} replicas in ${options.processes} processes`,
  );
  console.log(`full refresh             ${formatSpread(refresh, 0)} ms (median <= ${refreshMsMax})`);
  console.log(`first of a new replica   ${formatSpread(spreadOf(firstMs), 0)} ms`);
  console.log(
    `begins, ends             ${paced.begins}, ${paced.ends} in ${paced.seconds.toFixed(1)} s, ${paced.failures} failed ${paced.failureCodes.join()}`,
  );
  console.log(
    `change → visible         p50 ${p50} ms, p99 ${p99} ms in the slowest replica (p99 <= ${visibleMsMax})`,
  );
  console.log(
    `changes seen             ${Math.min(...states.map(({ changes }) => changes))} or more of ${paced.begins + paced.ends}`,
  );
  console.log(
    `one shard meanwhile      moved ${moved.moves} times, writers waited ${Math.round(moved.fenceMsMax)} ms at most, ` +
      `${moved.readsFailed} of ${moved.reads} reads and ${moved.writesFailed} of ${moved.writes} writes failed, ` +
      `${lost + moved.writesLost} writes lost`,
  );
  console.log(`equal to SQL at the end  ${equal} of ${states.length}`);
  const isMoved = moved.readsFailed + moved.writesFailed + moved.writesLost === 0;
  const isKept =
    refresh.median <= refreshMsMax &&
    p99 <= visibleMsMax &&
    equal === states.length &&
    isPaced &&
    lost === 0 &&
    isMoved;
  console.log(isKept ? 'kept' : 'NOT kept');
  return isKept ? 0 : 1;
}

// One worker of the job bench: visits the rooms of the partitions that it has, and tells its parent of each tick.
import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { JobRunner, type Tick } from '@gala/lib/jobs';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { openSql } from '@gala/lib/sql';
import type { TickSeen, WorkerSetup } from './jobs-rooms.ts';
import { roomCount, roomsOfPartition } from './jobs-rooms.ts';

const { urls, processId, job } = JSON.parse(process.argv[2]) as WorkerSetup;
const logger = createLogger({ name: processId, level: 'error' });
const metrics = createMetrics(processId);
const base = { logger, metrics, clock: systemClock };
const sql = await openSql({ ...base, urls, connectionsMax: 6, processName: processId });
const parts = { ...base, database: sql.core(), processId };
const coord = await openPostgresCoord(parts);
const runner = new JobRunner({ ...parts, coord });

/** When each room was visited last, as a visitor of rooms would keep it. */
const visitedMs = new Float64Array(roomCount);

await runner.shard(job, async (tick: Tick) => {
  const beganMs = Date.now();
  const rooms = roomsOfPartition(tick.partition, tick.of);
  for (const room of rooms) visitedMs[room] = beganMs;
  const { partition } = tick;
  const seen: TickSeen = { partition, tick: tick.tick, visits: rooms.length, lateMs: beganMs - tick.dueMs };
  process.send!(seen);
});
process.on('message', () => process.send!({ cpu: process.cpuUsage() }));

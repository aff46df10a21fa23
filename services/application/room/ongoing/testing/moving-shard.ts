import { setTimeout as delay } from 'node:timers/promises';
import { Breakers } from '@gala/lib/breaker';
import { systemClock } from '@gala/lib/clock';
import { hasCode, invariant } from '@gala/lib/error';
import type { Logger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { moveShard } from '@gala/lib/shards';
import type { Sql } from '@gala/lib/sql';
import { composeRoomId, shardOfUser } from '@gala/protocol/ids';
import { DbReader } from '../../reader/db-reader.ts';

export interface MovingShardOptions {
  readonly sql: Sql;
  readonly logger: Logger;
  /** Hosts that began rooms before; those of the shard are read all the while. */
  readonly hostIds: readonly number[];
  readonly shard: number;
  readonly pauseMs: number;
  readonly signal: AbortSignal;
}

export interface MovedShard {
  readonly moves: number;
  readonly fenceMsMax: number;
  readonly reads: number;
  /** Reads that failed, or did not find a room that is there. */
  readonly readsFailed: number;
  /** Changes of rows of the shard, each in a transaction of its own. */
  readonly writes: number;
  readonly writesFailed: number;
  /** Writes that were answered and are not in the rows. */
  readonly writesLost: number;
}

const readEveryMs = 2;
const writeEveryMs = 5;
const writers = 4;

/** Moves a shard back and forth between two databases while its rooms are read and written, until it is told to stop. */
export async function keepMoving(options: MovingShardOptions): Promise<MovedShard> {
  const roomIds = options.hostIds
    .filter((hostId) => shardOfUser(hostId) === options.shard)
    .map((hostId) => composeRoomId(hostId, 1));
  // What has ended changes no more.
  const onAir = await listOnAir(options);
  const [reading, writing] = [readOn(options, roomIds), writeOn(options, onAir)];
  const { sql, shard, pauseMs, signal } = options;
  let moves = 0;
  let fenceMsMax = 0;
  while (!signal.aborted) {
    const here = sql.shards().findIndex(({ name }) => name === sql.shard(shard).name);
    try {
      const { fenceMs } = await moveShard({ sql, shard, to: 1 - here });
      moves++;
      fenceMsMax = Math.max(fenceMsMax, fenceMs);
    } catch (error) {
      // A move that cannot end in time gives up, and nothing has happened.
      if (!hasCode(error, 'SHARD_BUSY')) throw error;
    }
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }
  return { moves, fenceMsMax, ...(await reading), ...(await writing) };
}

async function listOnAir({ sql, shard }: MovingShardOptions): Promise<number[]> {
  const text = `select room_id from room where shard = $1 and state in ('live', 'hold')`;
  const { rows } = await sql.read(shard, (client) => client.query<{ room_id: number }>(text, [shard]));
  invariant(rows.length > 0, 'a room of the shard is on air');
  return rows.map((row) => row.room_id);
}

async function readOn({ sql, logger, signal }: MovingShardOptions, roomIds: readonly number[]) {
  const metrics = createMetrics('moving-shard');
  const config = { readerStatementsMax: 2, readerKeysMax: 1000, readerAbsentMs: 1 };
  const breakers = new Breakers({ clock: systemClock, logger, metrics });
  const reader = new DbReader({ sql, clock: systemClock, metrics, breakers, config });
  const counts = { reads: 0, readsFailed: 0 };
  for (let turn = 0; !signal.aborted; turn++) {
    const found = await reader.room(roomIds[turn % roomIds.length]).catch(() => undefined);
    counts.reads++;
    if (!found) counts.readsFailed++;
    await delay(readEveryMs);
  }
  return counts;
}

/** Every write gives its row the next version, so that what is lost is missing in their sum. */
async function writeOn({ sql, shard, signal }: MovingShardOptions, roomIds: readonly number[]) {
  const versions = () =>
    sql.read(shard, async (client) => {
      const text = 'select sum(version)::int as versions from room where shard = $1 and room_id = any($2)';
      const { rows } = await client.query<{ versions: number }>(text, [shard, roomIds]);
      return rows[0].versions;
    });
  const before = await versions();
  const counts = { writes: 0, writesFailed: 0 };
  const write = async (writer: number): Promise<void> => {
    for (let turn = writer; !signal.aborted; turn++) {
      const values = [shard, roomIds[turn % roomIds.length], `take ${writer}/${turn}`];
      const text = 'update room set title = $3 where shard = $1 and room_id = $2';
      const { rowCount } = await sql
        .tx(shard, (client) => client.query(text, values))
        .catch(() => ({ rowCount: 0 }));
      if (rowCount === 1) counts.writes++;
      else counts.writesFailed++;
      await delay(writeEveryMs);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return { ...counts, writesLost: before + counts.writes - (await versions()) };
}

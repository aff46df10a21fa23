import type { Clock } from '@gala/lib/clock';
import type { EventLog } from '@gala/lib/eventlog';
import type { Logger } from '@gala/lib/logger';
import { createMetrics, type Metrics } from '@gala/lib/metrics';
import type { Sql } from '@gala/lib/sql';
import { shardCount, shardOfRoom } from '@gala/protocol/ids';
import { OngoingEvents } from '../events.ts';
import { OngoingKeeper } from '../keeper.ts';
import { OngoingRooms } from '../ongoing-rooms.ts';

export interface ReplicaParts {
  readonly sql: Sql;
  readonly log: Pick<EventLog, 'end' | 'follow'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ongoingRefreshMs?: number;
}

/** The rooms on air as one more process of the room role would know them. */
export interface Replica extends AsyncDisposable {
  readonly rooms: OngoingRooms;
  readonly keeper: OngoingKeeper;
  readonly metrics: Metrics;
}

export function openReplica({ sql, log, clock, logger, ongoingRefreshMs = 60_000 }: ReplicaParts): Replica {
  const metrics = createMetrics('replica');
  const config = { ongoingRoomsMax: 1_000_000, ongoingRefreshMs, ongoingUnfedRefreshMs: 2000 };
  const rooms = new OngoingRooms({ sql, clock, config, metrics });
  const events = new OngoingEvents({ logger, metrics });
  const keeper = new OngoingKeeper({ rooms, log, clock, config, events, metrics });
  return { rooms, keeper, metrics, [Symbol.asyncDispose]: () => keeper[Symbol.asyncDispose]() };
}

/** A counter of a replica, `refreshes` for `gala_room_ongoing_refreshes_total`. */
export async function counterOf({ metrics }: Replica, name: string): Promise<number> {
  const line = new RegExp(`^gala_room_ongoing_${name}_total\\{.*\\} (\\d+)$`, 'm').exec(await metrics.text());
  return Number(line?.[1]);
}

/** What a replica has other than the databases: `missing`, `extra` or the room as both say it. Empty when equal. */
export async function differences(sql: Sql, rooms: OngoingRooms): Promise<string[]> {
  const truth = new Map<number, string>();
  for (const database of sql.shards()) {
    const { rows } = await database.pool.query<{ room_id: number; said: string }>(
      `select room_id, concat_ws('|', version, epoch, started_at_ms, state, visibility, edge_id, title) as said
       from room where state in ('live', 'hold') and shard in (select shard from shard_owner)`,
    );
    for (const row of rows) truth.set(row.room_id, row.said);
  }
  const found: string[] = [];
  let seen = 0;
  for (const { roomId } of rooms.partition(0, 1)) {
    seen++;
    const room = rooms.get(roomId)!;
    const { version, epoch, startedAtMs, state, visibility, edgeId, title } = room;
    const said = [version, epoch, startedAtMs, state, visibility, edgeId, title].join('|');
    const expected = truth.get(roomId);
    if (expected !== said)
      found.push(
        `${roomId} of shard ${shardOfRoom(roomId)}/${shardCount}: ${said}, not ${expected ?? 'on air'}`,
      );
    truth.delete(roomId);
  }
  for (const [roomId, said] of truth) found.push(`${roomId} is missing: ${said} (${seen} are here)`);
  return found;
}

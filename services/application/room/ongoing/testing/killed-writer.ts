/** A process that commits a new title of a room and is killed (-9) before it can tell anybody. */
import { systemClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { openSql, type DatabaseUrls } from '@gala/lib/sql';
import { shardOfRoom } from '@gala/protocol/ids';
import { lockRoom, saveLocked } from '../../store/rooms.ts';

/** What the process is told by its environment. */
export interface KilledWriter {
  readonly urls: DatabaseUrls;
  readonly roomId: number;
  readonly title: string;
}

async function run({ urls, roomId, title }: KilledWriter): Promise<void> {
  const logger = createLogger({ name: 'killed', level: 'error' });
  const base = { clock: systemClock, logger, metrics: createMetrics('killed') };
  const sql = await openSql({ urls, connectionsMax: 1, processName: 'killed', ...base });
  await sql.tx(shardOfRoom(roomId), async (client) => {
    const room = await lockRoom(client, roomId);
    await saveLocked(client, room!, { ...room!, title });
  });
  process.kill(process.pid, 'SIGKILL');
}

await run(JSON.parse(process.env['KILLED_WRITER']!) as KilledWriter);

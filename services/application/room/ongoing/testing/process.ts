/** A process of tests and benches that reads changes or keeps replicas, until it is killed. See `test/harness/room-processes.ts`. */
import { createHash } from 'node:crypto';
import { startChangeReaders } from '@gala/lib/changes';
import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { openPostgresLog, type Batch, type EventLog, type Position, type Topic } from '@gala/lib/eventlog';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { openSql, type DatabaseUrls } from '@gala/lib/sql';
import { decodeChange } from '@gala/lib/changes';
import { OngoingRooms } from '../ongoing-rooms.ts';
import { roomFeed } from '../room-change.ts';
import { openReplica, type Replica } from './replica.ts';

/** What the process is told by its environment. */
export interface RoomProcess {
  readonly name: string;
  readonly urls: DatabaseUrls;
  readonly isReader: boolean;
  readonly replicas: number;
}

/** What it answers about each replica when it is asked. */
export interface ReplicaState {
  readonly rooms: number;
  readonly isFed: boolean;
  /** Of all ids and versions, in order. */
  readonly digest: string;
  /** From commit to visible, of the changes since it was asked last. */
  readonly changes: number;
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly latencyMsMax: number;
}

/** Times of full refreshes, in ms: of sets that know nothing yet, and of the replicas, which know what they have read. */
export interface RefreshTimes {
  readonly firstMs: readonly number[];
  readonly againMs: readonly number[];
}

export type Question = 'state' | 'refresh';

export function digestOf(rooms: Iterable<{ readonly roomId: number; readonly version: number }>): string {
  const lines = Array.from(rooms, ({ roomId, version }) => `${roomId}:${version}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

/** Notes when a batch has been applied: its reader asks for the next one then. */
class TimedLog implements Pick<EventLog, 'end' | 'follow'> {
  latenciesMs: number[] = [];
  readonly #log: EventLog;

  constructor(log: EventLog) {
    this.#log = log;
  }

  end(topic: Topic): Promise<Position[]> {
    return this.#log.end(topic);
  }

  async *follow(topic: Topic, from: readonly Position[], signal: AbortSignal): AsyncGenerator<Batch> {
    for await (const batch of this.#log.follow(topic, from, signal)) {
      yield batch;
      const nowMs = Date.now();
      for (const { value } of batch.records) this.latenciesMs.push(nowMs - decodeChange(value).committedAtMs);
    }
  }

  take(): number[] {
    const taken = this.latenciesMs.sort((a, b) => a - b);
    this.latenciesMs = [];
    return taken;
  }
}

async function run({ name, urls, isReader, replicas }: RoomProcess): Promise<void> {
  const logger = createLogger({ name, level: 'error' });
  const metrics = createMetrics(name);
  const base = { clock: systemClock, logger, metrics, processId: `${name}-${process.pid}` };
  const sql = await openSql({ urls, connectionsMax: 4, processName: name, ...base });
  const coord = await openPostgresCoord({ ...base, database: sql.core() });
  const log = openPostgresLog({ ...base, database: sql.core(), coord });
  if (isReader) startChangeReaders({ ...base, databases: sql.shards(), coord, log, feeds: [roomFeed] });
  const opened = Array.from({ length: replicas }, () => {
    const timed = new TimedLog(log);
    return { timed, replica: openReplica({ sql, log: timed, clock: systemClock, logger }) };
  });
  const openEmpty = (): OngoingRooms =>
    new OngoingRooms({
      sql,
      clock: systemClock,
      config: { ongoingRoomsMax: 1_000_000 },
      metrics: createMetrics(name),
    });
  process.on('message', (question: Question) => {
    if (question === 'state') process.send?.(opened.map(({ timed, replica }) => stateOf(timed, replica)));
    else
      void refreshAll(
        opened.map(({ replica }) => replica.rooms),
        openEmpty,
      ).then((times) => process.send?.(times));
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

function stateOf(timed: TimedLog, { rooms, keeper }: Replica): ReplicaState {
  const latencies = timed.take();
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0;
  return {
    rooms: rooms.size,
    isFed: keeper.isFed,
    digest: digestOf(Array.from(rooms.partition(0, 1), ({ roomId, version }) => ({ roomId, version }))),
    changes: latencies.length,
    latencyMsP50: at(0.5),
    latencyMsP99: at(0.99),
    latencyMsMax: latencies.at(-1) ?? 0,
  };
}

async function refreshAll(
  all: readonly OngoingRooms[],
  openEmpty: () => OngoingRooms,
): Promise<RefreshTimes> {
  const [firstMs, againMs]: [number[], number[]] = [[], []];
  for (const rooms of all) {
    firstMs.push((await openEmpty().refresh()).durationMs);
    againMs.push((await rooms.refresh(true)).durationMs);
  }
  return { firstMs, againMs };
}

const told = process.env['ROOM_PROCESS'];
if (told) await run(JSON.parse(told) as RoomProcess);

import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Database, Sql } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import { shardOfRoom } from '@gala/protocol/ids';
import type { RoomConfig } from './config.ts';
import type { RoomEvents } from './events.ts';
import { moveRoom, type Room } from './room.ts';
import { decide, timeoutMs, type RoomEvent } from './state.ts';
import { listOfEdges, saveViewers, type ViewerCount } from './store/live.ts';
import { saveRooms, type RoomChange } from './store/rooms.ts';

/** Edges whose heart-beats wait for one batch; one more is RATE_LIMITED. */
const edgesMax = 4096;
const viewersMax = 2 ** 31 - 1;
/** Edges beat once a second: a database that takes longer is left out of this answer. */
const answerMsMax = 1000;

export interface EdgeStream {
  readonly roomId: number;
  readonly epoch: number;
  readonly viewers: number;
  readonly held: boolean;
}

export interface HeartBeatParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly events: RoomEvents;
}

/** What an edge said last, and who waits for the answer. */
interface Beat {
  streams: ReadonlyMap<number, EdgeStream>;
  readonly stops: Set<number>;
  readonly answer: PromiseWithResolvers<number[]>;
}
type Beats = Map<string, Beat>;

/**
 * Heart-beats of the edges, once a second each, set against the rows. Beats that come while a batch is
 * worked on make up the next one, so each database gets a read and at most two writes a batch however
 * many edges there are.
 */
export class HeartBeats {
  readonly #parts: HeartBeatParts;
  #waiting: Beats = new Map();
  #isRunning = false;

  constructor(parts: HeartBeatParts) {
    this.#parts = parts;
  }

  /** Ids of the rooms that this edge must stop: ended, or owned by another edge. */
  report(edgeId: string, streams: readonly EdgeStream[]): Promise<number[]> {
    const byRoom = new Map(streams.map((stream) => [stream.roomId, stream]));
    const same = this.#waiting.get(edgeId);
    if (same) same.streams = byRoom;
    else if (this.#waiting.size >= edgesMax) throw new CodedError(commonErrors, 'RATE_LIMITED');
    const beat = same ?? { streams: byRoom, stops: new Set(), answer: Promise.withResolvers<number[]>() };
    this.#waiting.set(edgeId, beat);
    if (!this.#isRunning) void this.#run();
    return beat.answer.promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      const beats = this.#waiting;
      this.#waiting = new Map();
      await Promise.all(this.#parts.sql.shards().map((database) => this.#settleOrLeave(database, beats)));
      for (const beat of beats.values()) beat.answer.resolve([...beat.stops]);
    }
    this.#isRunning = false;
  }

  /** A database that does not answer orders nothing: streams go on until the truth is known again. */
  async #settleOrLeave(database: Database, beats: Beats): Promise<void> {
    const answered = new AbortController();
    const late = delay(answerMsMax, undefined, { signal: answered.signal }).then(() => {
      throw new CodedError(commonErrors, 'DEADLINE_EXCEEDED');
    });
    try {
      await Promise.race([this.#settle(database, beats), late]);
    } catch (error) {
      this.#parts.events.heartBeatsUnanswered(database.name, beats.size, error);
    } finally {
      answered.abort();
    }
  }

  async #settle(database: Database, beats: Beats): Promise<void> {
    const rooms = await listOfEdges(database.pool, [...beats.keys()]);
    const owned = new Set(rooms.map((room) => ownership(room.edgeId, room.roomId)));
    for (const [edgeId, beat] of beats) {
      for (const roomId of beat.streams.keys()) {
        const isHere = this.#parts.sql.shard(shardOfRoom(roomId)).name === database.name;
        if (isHere && !owned.has(ownership(edgeId, roomId))) beat.stops.add(roomId);
      }
    }
    await this.#write(database, rooms, beats);
  }

  async #write(database: Database, rooms: readonly Room[], beats: Beats): Promise<void> {
    const { clock, config: limits } = this.#parts;
    const nowMs = clock.nowMs();
    const counts: ViewerCount[] = [];
    const changes: (RoomChange & { readonly event: RoomEvent })[] = [];
    for (const room of rooms) {
      const stream = beats.get(room.edgeId)?.streams.get(room.roomId);
      const viewers = Math.min(stream?.viewers ?? 0, viewersMax);
      if (stream?.epoch === room.epoch && viewers !== room.viewers) counts.push({ ...stream, viewers });
      const event = observed(room, stream, { limits, nowMs });
      const after = event ? moveRoom(room, decide(room.state, event), { nowMs }) : room;
      if (event && after !== room) changes.push({ before: room, after, event });
    }
    await saveViewers(database.pool, counts);
    const saved = await saveRooms(database.pool, changes);
    for (const { before, after, event } of changes) {
      if (saved.has(after.roomId)) this.#parts.events.roomMoved(before, after, event);
    }
  }
}

export interface ObservationOptions {
  readonly limits: Pick<RoomConfig, 'silentMsMax' | 'settleMs' | 'holdMs'>;
  readonly nowMs: number;
}

/**
 * What a heart-beat of the owning edge says of a room. It corrects only what has been so for a while:
 * a heart-beat may have left the edge before its last report, or before the room was admitted there.
 */
export function observed(
  room: Room,
  stream: EdgeStream | undefined,
  { limits, nowMs }: ObservationOptions,
): RoomEvent | undefined {
  const unchangedMs = nowMs - room.changedAtMs;
  if (stream?.epoch !== room.epoch) {
    const silentMsMax = timeoutMs('live', { ...limits, scheduleMsMax: Infinity });
    return unchangedMs >= silentMsMax ? 'missing' : undefined;
  }
  if (unchangedMs < limits.settleMs) return undefined;
  return stream.held ? 'carriedHeld' : 'carried';
}

function ownership(edgeId: string, roomId: number): string {
  return `${roomId}@${edgeId}`;
}

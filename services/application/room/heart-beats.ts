import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Database, Sql } from '@gala/lib/sql';
import { within } from '@gala/lib/timing';
import { commonErrors } from '@gala/protocol/errors';
import { shardOfRoom } from '@gala/protocol/ids';
import type { RoomConfig } from './config.ts';
import type { RoomEvents } from './events.ts';
import type { Reads } from './reads.ts';
import { RelayedViewers } from './relayed-viewers.ts';
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
  /** A copy of the owner's stream: its viewers count, all else is for the owner to say. */
  readonly relayed: boolean;
}

export interface HeartBeatParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly events: RoomEvents;
  readonly reads: Reads;
}

/** What an edge said last, and who waits for the answer. */
interface Beat {
  streams: ReadonlyMap<number, EdgeStream>;
  readonly stops: Set<number>;
  readonly answer: PromiseWithResolvers<number[]>;
}
type Beats = Map<string, Beat>;

/** A stream that the database asked about does not know. */
interface Suspect {
  readonly edgeId: string;
  readonly roomId: number;
  readonly relayed: boolean;
  readonly stops: Set<number>;
}

/**
 * Heart-beats of the edges, once a second each, set against the rows. Beats that come while a batch is
 * worked on make up the next one, so each database gets a read and at most two writes a batch however
 * many edges there are.
 */
export class HeartBeats {
  readonly #parts: HeartBeatParts;
  readonly #relayed: RelayedViewers;
  #waiting: Beats = new Map();
  #isRunning = false;

  constructor(parts: HeartBeatParts) {
    this.#parts = parts;
    this.#relayed = new RelayedViewers(parts.clock);
  }

  /** Ids of the rooms that this edge must stop: ended, or owned by another edge unless it relays them. */
  report(edgeId: string, streams: readonly EdgeStream[]): Promise<number[]> {
    const byRoom = new Map(streams.map((stream) => [stream.roomId, stream]));
    const same = this.#waiting.get(edgeId);
    if (same) same.streams = byRoom;
    else if (this.#waiting.size >= edgesMax) throw new CodedError(commonErrors, 'RATE_LIMITED');
    const beat = same ?? { streams: byRoom, stops: new Set(), answer: Promise.withResolvers<number[]>() };
    this.#waiting.set(edgeId, beat);
    const copies = streams.filter(({ relayed }) => relayed);
    this.#relayed.note(edgeId, new Map(copies.map(({ roomId, viewers }) => [roomId, viewers])));
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
    try {
      await within(answerMsMax, this.#settle(database, beats), () => {
        throw new CodedError(commonErrors, 'DEADLINE_EXCEEDED');
      });
    } catch (error) {
      this.#parts.events.heartBeatsUnanswered(database.name, beats.size, error);
    }
  }

  async #settle(database: Database, beats: Beats): Promise<void> {
    const isHere = (roomId: number): boolean =>
      this.#parts.sql.shard(shardOfRoom(roomId)).name === database.name;
    const copied = relayedRooms(beats).filter(isHere);
    const rooms = await listOfEdges(database.pool, [...beats.keys()], copied);
    const onAir = new Set(rooms.map((room) => room.roomId));
    const owned = new Set(rooms.map((room) => ownership(room.edgeId, room.roomId)));
    const suspects: Suspect[] = [];
    for (const [edgeId, beat] of beats) {
      for (const { roomId, relayed } of beat.streams.values()) {
        const mayGoOn = relayed ? onAir.has(roomId) : owned.has(ownership(edgeId, roomId));
        if (!mayGoOn && isHere(roomId)) suspects.push({ edgeId, roomId, relayed, stops: beat.stops });
      }
    }
    await this.#stop(suspects);
    const ofBeats = rooms.filter(({ edgeId }) => beats.has(edgeId));
    await this.#write(database, ofBeats, beats);
  }

  /** A room may have moved to another database since: only one that owns its shard can say that it is gone. */
  async #stop(suspects: readonly Suspect[]): Promise<void> {
    const byShard = Map.groupBy(suspects, ({ roomId }) => shardOfRoom(roomId));
    const found = await this.#parts.sql.readEach([...byShard.keys()], (client, shards) => {
      const asked = shards.flatMap((shard) => byShard.get(shard) ?? []);
      return listOfEdges(client, [], [...new Set(asked.map(({ roomId }) => roomId))]);
    });
    const ownerOf = new Map(found.flat().map((room) => [room.roomId, room.edgeId]));
    for (const { edgeId, roomId, relayed, stops } of suspects) {
      const owner = ownerOf.get(roomId);
      const mayGoOn = relayed ? owner !== undefined : owner === edgeId;
      if (!mayGoOn) stops.add(roomId);
    }
  }

  async #write(database: Database, rooms: readonly Room[], beats: Beats): Promise<void> {
    const { clock, config: limits } = this.#parts;
    const nowMs = clock.nowMs();
    const counts: ViewerCount[] = [];
    const changes: (RoomChange & { readonly event: RoomEvent })[] = [];
    for (const room of rooms) {
      const named = beats.get(room.edgeId)?.streams.get(room.roomId);
      // Who says that it has a copy of its own room is about to hand it over.
      const stream = named?.relayed ? undefined : named;
      const viewers = Math.min((stream?.viewers ?? 0) + this.#relayed.of(room.roomId), viewersMax);
      if (stream?.epoch === room.epoch && viewers !== room.viewers) counts.push({ ...stream, viewers });
      const event = observed(room, stream, { limits, nowMs });
      const after = event ? moveRoom(room, decide(room.state, event), { nowMs }) : room;
      if (event && after !== room) changes.push({ before: room, after, event });
    }
    await saveViewers(database.pool, counts);
    const saved = await saveRooms(database.pool, changes);
    for (const { before, after, event } of changes) {
      const version = saved.get(after.roomId);
      if (version === undefined) continue;
      this.#parts.events.roomMoved(before, after, event);
      this.#parts.reads.roomChanged({ ...after, version });
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

function relayedRooms(beats: Beats): number[] {
  const rooms = new Set<number>();
  for (const { streams } of beats.values()) {
    for (const { roomId, relayed } of streams.values()) if (relayed) rooms.add(roomId);
  }
  return [...rooms];
}

function ownership(edgeId: string, roomId: number): string {
  return `${roomId}@${edgeId}`;
}

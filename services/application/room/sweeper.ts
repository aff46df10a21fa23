import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@gala/lib/clock';
import { leadByLease, type Coord, type Lease, type MemberView } from '@gala/lib/coord';
import type { Database, Sql } from '@gala/lib/sql';
import type { RoomConfig } from './config.ts';
import type { RoomEvents } from './events.ts';
import type { Reads } from './reads.ts';
import { moveRoom, type Room } from './room.ts';
import { decide, timeoutMs, type RoomEvent, type StateLimits } from './state.ts';
import {
  dropViewersOfEnded,
  listHeldBefore,
  listLiveOfEdges,
  listOwningEdges,
  listScheduledBefore,
} from './store/live.ts';
import { saveRooms } from './store/rooms.ts';

const dayMs = 86_400_000;
/** Rooms of one kind that one sweep of a database moves; the rest waits for the next. */
const roomsPerSweepMax = 500;
/** After an outage edges get this long to say what they still carry before any hold runs out. */
const outageGraceMs = 3000;
const viewersTidyMs = 60_000;

export interface SweeperParts {
  readonly sql: Sql;
  readonly coord: Coord;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly events: RoomEvents;
  readonly reads: Reads;
}

/** Ends what nobody will end: rooms of lost edges, holds run out, schedules never kept. One leads, by lease. */
export class Sweeper implements AsyncDisposable {
  readonly #parts: SweeperParts;
  readonly #limits: StateLimits;
  readonly #edges: MemberView;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** When each edge that owns rooms was first seen out of the member list; bounded by the owning edges. */
  #absentSinceMs = new Map<string, number>();
  #graceUntilMs = 0;
  #tidiedAtMs = -Infinity;

  /** @param edges Live view of the coord group `edge`; the sweeper disposes of it. */
  constructor(parts: SweeperParts, edges: MemberView) {
    this.#parts = parts;
    this.#edges = edges;
    const { silentMsMax, holdMs, scheduleDaysMax } = parts.config;
    this.#limits = { silentMsMax, holdMs, scheduleMsMax: scheduleDaysMax * dayMs };
    this.#done = leadByLease({
      coord: parts.coord,
      job: 'room/sweeper',
      partition: 0,
      signal: this.#stop.signal,
      lead: (lease, signal) => this.#lead(lease, signal),
      onError: (error) => parts.events.sweepFailed(error, true),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.#edges[Symbol.asyncDispose]();
  }

  /** A new leader knows nothing of the time before: what it would call late gets the grace of an outage. */
  async #lead(lease: Lease, signal: AbortSignal): Promise<void> {
    this.#absentSinceMs = new Map();
    this.#grantGrace();
    let isFailing = false;
    while (!signal.aborted) {
      const error = await this.#sweep(lease).catch((cause: unknown) => cause ?? 'unknown');
      if (error) this.#grantGrace();
      if (error && !signal.aborted) this.#parts.events.sweepFailed(error, !isFailing);
      isFailing = error !== undefined;
      await delay(this.#parts.config.sweepMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #grantGrace(): void {
    this.#graceUntilMs = this.#parts.clock.monotonicMs() + outageGraceMs;
  }

  /** All databases are swept even if one fails; its error is thrown at the end. */
  async #sweep(lease: Lease): Promise<void> {
    const databases = this.#parts.sql.shards();
    const owners = await Promise.allSettled(databases.map(({ pool }) => listOwningEdges(pool)));
    const known = new Set(owners.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])));
    const lost = this.#lostEdges(known, lease.fence);
    const swept = await Promise.allSettled(databases.map((database) => this.#sweepOne(database, lost)));
    const tidied = await this.#tidyViewers(databases);
    const failed = [...owners, ...swept, ...tidied].find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #tidyViewers(databases: readonly Database[]): Promise<PromiseSettledResult<void>[]> {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#tidiedAtMs < viewersTidyMs) return [];
    this.#tidiedAtMs = nowMs;
    return Promise.allSettled(databases.map(({ pool }) => dropViewersOfEnded(pool)));
  }

  /** The member view alone decides that an edge is gone; it names the dead as members while coord is down. */
  #lostEdges(owners: ReadonlySet<string>, fence: number): string[] {
    const members = new Set(this.#edges.list().map(({ id }) => id));
    const nowMs = this.#parts.clock.monotonicMs();
    const absentSinceMs = new Map<string, number>();
    for (const edgeId of owners) {
      if (!members.has(edgeId)) absentSinceMs.set(edgeId, this.#absentSinceMs.get(edgeId) ?? nowMs);
    }
    const isLost = (sinceMs: number, atMs: number) => atMs - sinceMs >= this.#parts.config.edgeAbsentMs;
    const lost = [...absentSinceMs].filter(([, sinceMs]) => isLost(sinceMs, nowMs)).map(([edgeId]) => edgeId);
    for (const edgeId of lost) this.#tellOnce(edgeId, fence);
    this.#absentSinceMs = absentSinceMs;
    return lost;
  }

  readonly #told = new Set<string>();

  #tellOnce(edgeId: string, fence: number): void {
    if (this.#told.has(edgeId)) return;
    if (this.#told.size >= 1024) this.#told.clear();
    this.#told.add(edgeId);
    this.#parts.events.edgeLost(edgeId, fence);
  }

  async #sweepOne(database: Database, lost: readonly string[]): Promise<void> {
    const { pool } = database;
    const move = (rooms: readonly Room[], event: RoomEvent) => this.#move(pool, rooms, event);
    const nowMs = this.#parts.clock.nowMs();
    if (lost.length > 0) {
      await move(await listLiveOfEdges(pool, lost, roomsPerSweepMax), 'edgeLost');
    }
    const scheduledBefore = {
      createdMs: nowMs - timeoutMs('created', this.#limits),
      startsMs: nowMs - this.#parts.config.scheduleLateMs,
    };
    await move(await listScheduledBefore(pool, scheduledBefore, roomsPerSweepMax), 'timedOut');
    if (this.#parts.clock.monotonicMs() < this.#graceUntilMs) return;
    const heldBefore = nowMs - timeoutMs('hold', this.#limits);
    await move(await listHeldBefore(pool, heldBefore, roomsPerSweepMax), 'timedOut');
  }

  /** Guarded by the version of each row, so a leader that was fenced meanwhile can do no harm. */
  async #move(pool: Database['pool'], rooms: readonly Room[], event: RoomEvent): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    const changes = rooms.map((before) => ({
      before,
      after: moveRoom(before, decide(before.state, event), { nowMs }),
    }));
    const saved = await saveRooms(pool, changes);
    for (const { before, after } of changes) {
      const version = saved.get(after.roomId);
      if (version === undefined) continue;
      this.#parts.events.roomMoved(before, after, event);
      this.#parts.reads.roomChanged({ ...after, version });
    }
  }
}

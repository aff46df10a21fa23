import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Sql } from '@gala/lib/sql';
import { roomErrors } from '@gala/protocol/errors';
import { shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import type { Transaction } from './store/connection.ts';
import type { RoomConfig } from './config.ts';
import type { RoomEvents } from './events.ts';
import { checkTitle } from './hosts.ts';
import type { Reads } from './reads.ts';
import { isOnAir, moveRoom, planRoom, type Room, type Visibility } from './room.ts';
import { takeSession } from './sessions.ts';
import { decide, standing, type Fencing, type RoomEvent } from './state.ts';
import { lockHost } from './store/hosts.ts';
import { insertRoom, lockPresentRoom, lockRoom, saveLocked } from './store/rooms.ts';

const dayMs = 86_400_000;
const reasonCharactersMax = 120;

export interface RoomParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly events: RoomEvents;
  readonly reads: Reads;
}

export interface Schedule {
  readonly hostId: number;
  /** Empty: the title of the host. */
  readonly title: string;
  readonly visibility: Visibility | undefined;
  /** When it is to begin, at most `scheduleDaysMax` ahead; 0 or nothing for no time. */
  readonly startsAtMs?: number;
}

export type StreamEvent = Extract<RoomEvent, 'started' | 'held' | 'stopped' | 'failed' | 'takenOver'>;

export interface StreamReport extends Fencing {
  readonly roomId: number;
  readonly event: StreamEvent;
  readonly reason: string;
  /** With `started`, as in `Room`. */
  readonly codecs?: Pick<Room, 'videoCodec' | 'audioCodec' | 'renditions'>;
}

export interface ReportAnswer {
  readonly order: 'goOn' | 'stop';
  readonly room: Room | undefined;
}

/** Rooms from their schedule to their end, but for the publish decision itself. */
export class Rooms {
  readonly #parts: RoomParts;

  constructor(parts: RoomParts) {
    this.#parts = parts;
  }

  /**
   * Schedules the host's next room. A host has one: scheduling again rewrites it.
   * @throws CodedError HOST_UNKNOWN, ROOM_LIVE, TOO_MANY_ROOMS, SESSIONS_EXHAUSTED, SCHEDULE_INVALID,
   *   INVALID_REQUEST
   */
  async schedule(asked: Schedule): Promise<Room> {
    checkTitle(asked.title);
    this.#checkStart(asked.startsAtMs ?? 0);
    const room = await this.#parts.sql.tx(shardOfUser(asked.hostId), (client) =>
      this.#scheduleLocked(client, asked),
    );
    this.#parts.events.roomScheduled(room);
    this.#parts.reads.roomChanged(room);
    return room;
  }

  /** @throws CodedError ROOM_UNKNOWN */
  async get(roomId: number): Promise<Room> {
    const room = await this.#parts.reads.room(roomId);
    if (!room) throw new CodedError(roomErrors, 'ROOM_UNKNOWN');
    return room;
  }

  /** On air or scheduled, else the last one; undefined when the host never had one. */
  present(hostId: number): Promise<Room | undefined> {
    return this.#parts.reads.presentRoom(hostId);
  }

  /**
   * Ends a room for good; a room that has ended stays as it is, wherever it lies. Its edge learns it by its next heart-beat.
   * @throws CodedError ROOM_UNKNOWN
   */
  async end(roomId: number, reason: string): Promise<Room> {
    const { clock, sql } = this.#parts;
    const moved = await sql.tx(shardOfRoom(roomId), async (client) => {
      const before = await lockRoom(client, roomId);
      if (!before) return undefined;
      const at = { nowMs: clock.nowMs(), reason: cleanReason(reason) };
      const after = moveRoom(before, decide(before.state, 'endAsked'), at);
      return { before, after: await saveLocked(client, before, after) };
    });
    if (!moved) return this.get(roomId);
    this.#moved(moved.before, moved.after, 'asked');
    return moved.after;
  }

  /** What came of an admitted publish. The same report told again changes nothing and gets the same order. */
  async report(report: StreamReport): Promise<ReportAnswer> {
    const { sql, events } = this.#parts;
    const told = await sql.tx(shardOfRoom(report.roomId), (client) => this.#reportLocked(client, report));
    if (told.isStale) events.reportStale(report.roomId, report.epoch, report.edgeId);
    if (told.before && told.room) this.#moved(told.before, told.room, report.event);
    return { order: told.order, room: told.room };
  }

  async #reportLocked(client: Transaction, report: StreamReport) {
    const before = await lockRoom(client, report.roomId);
    const isCurrent = before && standing(before, report);
    if (!before || isCurrent === 'stale') return { order: 'stop', room: before, isStale: true } as const;
    if (isCurrent === 'repeated') return { order: isOnAir(before) ? 'goOn' : 'stop', room: before } as const;
    const transition = decide(before.state, report.event);
    const nowMs = this.#parts.clock.nowMs();
    const moved = moveRoom(before, transition, { nowMs, reason: cleanReason(report.reason) });
    const keyFrameAtMs = report.event === 'started' ? before.keyFrameAtMs || nowMs : before.keyFrameAtMs;
    const told = { ...moved, keyFrameAtMs, reportSequence: report.reportSequence };
    const after = report.event === 'started' ? withCodecs(told, report.codecs, nowMs) : told;
    return { order: transition.order, before, room: await saveLocked(client, before, after) } as const;
  }

  async #scheduleLocked(client: Transaction, asked: Schedule): Promise<Room> {
    const host = await lockHost(client, asked.hostId);
    if (!host) throw new CodedError(roomErrors, 'HOST_UNKNOWN');
    const title = asked.title || host.title;
    const { startsAtMs = 0 } = asked;
    const visibility = asked.visibility ?? host.visibility;
    const present = await lockPresentRoom(client, asked.hostId);
    if (present && isOnAir(present)) throw new CodedError(roomErrors, 'ROOM_LIVE');
    if (present) return saveLocked(client, present, { ...present, title, visibility, startsAtMs });
    const nowMs = this.#parts.clock.nowMs();
    const { beginsPerHourMax } = this.#parts.config;
    const session = await takeSession(client, host, { beginsPerHourMax, nowMs });
    return insertRoom(client, planRoom(host, { session, title, visibility, nowMs, startsAtMs }));
  }

  #checkStart(startsAtMs: number): void {
    const { clock, config } = this.#parts;
    const aheadMs = startsAtMs - clock.nowMs();
    const isAhead = aheadMs > 0 && aheadMs <= config.scheduleDaysMax * dayMs;
    if (startsAtMs !== 0 && !isAhead) throw new CodedError(roomErrors, 'SCHEDULE_INVALID');
  }

  #moved(before: Room, after: Room, cause: string): void {
    this.#parts.events.roomMoved(before, after, cause);
    this.#parts.reads.roomChanged(after);
  }
}

function withCodecs(room: Room, codecs: StreamReport['codecs'], nowMs: number): Room {
  if (!codecs) return room;
  const { videoCodec, audioCodec, renditions } = codecs;
  const isSame = room.videoCodec === videoCodec && room.audioCodec === audioCodec;
  if (isSame && room.renditions === renditions) return room;
  return { ...room, videoCodec, audioCodec, renditions, changedAtMs: nowMs };
}

/** Reasons are for people: what cannot be shown or stored is left out. */
function cleanReason(reason: string): string {
  return reason.replaceAll(/\p{Cc}/gu, '').slice(0, reasonCharactersMax);
}

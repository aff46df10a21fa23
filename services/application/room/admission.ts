import type { Clock } from '@gala/lib/clock';
import { CodedError, invariant, codeOf } from '@gala/lib/error';
import type { Sql } from '@gala/lib/sql';
import { roomErrors } from '@gala/protocol/errors';
import { shardOfUser } from '@gala/protocol/ids';
import type { Transaction } from './store/connection.ts';
import type { RoomConfig } from './config.ts';
import type { RoomEvents } from './events.ts';
import type { Reads } from './reads.ts';
import { fenceRoom, moveRoom, planRoom, type Host, type HostMedia, type Room } from './room.ts';
import { takeSession } from './sessions.ts';
import { decide } from './state.ts';
import { findHost, lockHost } from './store/hosts.ts';
import { findPresentRoom, insertRoom, lockPresentRoom, saveLocked } from './store/rooms.ts';
import { matchesStreamKey, parseStreamKey, type StreamKey } from './stream-key.ts';

export interface AdmissionParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: RoomConfig;
  readonly events: RoomEvents;
  readonly reads: Reads;
  readonly disk: { readonly isFull: boolean };
}

export interface PublishAsked {
  readonly streamKey: string;
  readonly edgeId: string;
  readonly remoteAddress: string;
}

export interface PullAsked {
  readonly hostId: number;
  readonly edgeId: string;
}

export interface AdmittedRoom {
  readonly room: Room;
  /** What the host wants done with the stream. */
  readonly media: HostMedia;
}

interface Admitted {
  /** The room that the publisher joins; absent when a new one begins. */
  readonly before: Room | undefined;
  readonly after: Room;
  /** A held room found past its time, ended on the way. */
  readonly expired: readonly [before: Room, after: Room] | undefined;
  readonly media: HostMedia;
}

/** The publish decision: who may, which room it is, and the epoch that fences all publishers before. */
export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /**
   * One transaction on the host's shard; answers the room as it is now, live under its new epoch.
   * @throws CodedError STREAM_KEY_WRONG, DISK_FULL, TOO_MANY_ROOMS, SESSIONS_EXHAUSTED
   */
  async admit(asked: PublishAsked): Promise<AdmittedRoom> {
    return this.#told(this.#decided(asked), asked);
  }

  /**
   * The same for an edge that has begun to pull a host's source: a room that is on air at another edge stays there.
   * @throws CodedError HOST_UNKNOWN, SOURCE_UNSET, ROOM_LIVE, DISK_FULL, TOO_MANY_ROOMS, SESSIONS_EXHAUSTED
   */
  async admitPull(asked: PullAsked): Promise<AdmittedRoom> {
    return this.#told(this.#decidedPull(asked), { ...asked, remoteAddress: 'source' });
  }

  async #told(
    decision: Promise<Admitted>,
    asked: { readonly edgeId: string; readonly remoteAddress: string },
  ): Promise<AdmittedRoom> {
    const { events, reads } = this.#parts;
    try {
      const { before, after, expired, media } = await decision;
      if (expired) events.roomMoved(...expired, 'admission');
      events.publishAdmitted(after, before, asked.remoteAddress);
      reads.roomChanged(after);
      return { room: after, media };
    } catch (error) {
      const code = codeOf(error);
      events.publishRefused(code, asked.edgeId, asked.remoteAddress);
      throw error;
    }
  }

  /**
   * The room that the holder of the key would get, for an edge that has somebody else to ask first: nothing is
   * begun, locked or fenced. A room that does not exist yet has the id that it would get.
   * @throws CodedError STREAM_KEY_WRONG
   */
  async check({ streamKey, edgeId, remoteAddress }: PublishAsked): Promise<AdmittedRoom> {
    try {
      return await this.#expected(parseStreamKey(streamKey));
    } catch (error) {
      const code = codeOf(error);
      this.#parts.events.publishRefused(code, edgeId, remoteAddress);
      throw error;
    }
  }

  async #expected(key: StreamKey | undefined): Promise<AdmittedRoom> {
    const { sql, clock } = this.#parts;
    if (!key) throw new CodedError(roomErrors, 'STREAM_KEY_WRONG');
    const { hostId } = key;
    const [host, present] = await sql.read(shardOfUser(hostId), async (client) => {
      const found = checkKey(key, await findHost(client, hostId));
      return [found, await findPresentRoom(client, hostId)] as const;
    });
    const { media, title, visibility } = host;
    const nowMs = clock.nowMs();
    const isOpen = present && present.state !== 'ended' && !this.#expired(present, nowMs);
    if (isOpen) return { room: present, media };
    return { room: planRoom(host, { session: host.sessionCount + 1, title, visibility, nowMs }), media };
  }

  #decidedPull({ hostId, edgeId }: PullAsked): Promise<Admitted> {
    return this.#parts.sql.tx(shardOfUser(hostId), async (client) => {
      const host = await lockHost(client, hostId);
      if (!host) throw new CodedError(roomErrors, 'HOST_UNKNOWN');
      // Anyone may wake a source, so what only some may watch is not pulled on demand.
      const isPullable = host.media.sourceUrl !== '' && host.visibility === 'public';
      if (!isPullable) throw new CodedError(roomErrors, 'SOURCE_UNSET');
      const present = await lockPresentRoom(client, hostId);
      const isElsewhere = present?.state === 'live' && present.edgeId !== edgeId;
      if (isElsewhere) throw new CodedError(roomErrors, 'ROOM_LIVE');
      return this.#fenced(client, host, edgeId);
    });
  }

  /** The key is checked before anything is locked, so that guessing cannot hold up a host's row. */
  async #decided({ streamKey, edgeId }: PublishAsked): Promise<Admitted> {
    const { sql } = this.#parts;
    const key = parseStreamKey(streamKey);
    if (!key) throw new CodedError(roomErrors, 'STREAM_KEY_WRONG');
    const shard = shardOfUser(key.hostId);
    checkKey(key, await sql.read(shard, (client) => findHost(client, key.hostId)));
    return sql.tx(shard, async (client) => {
      const host = checkKey(key, await lockHost(client, key.hostId));
      return this.#fenced(client, host, edgeId);
    });
  }

  async #fenced(client: Transaction, host: Host, edgeId: string): Promise<Admitted> {
    const nowMs = this.#parts.clock.nowMs();
    const present = await lockPresentRoom(client, host.hostId);
    const expired = present && this.#expired(present, nowMs);
    if (expired) await saveLocked(client, ...expired);
    const before = expired ? undefined : present;
    this.#assertSpace(before);
    const room = before ?? (await this.#planned(client, host, nowMs));
    const after = moveRoom(fenceRoom(room, edgeId, nowMs), decide(room.state, 'admitted'), { nowMs });
    invariant(after.state === 'live', 'an admitted publisher has a live room');
    const stored = await (before ? saveLocked(client, before, after) : insertRoom(client, after));
    return { before, after: stored, expired, media: host.media };
  }

  /** On a full disk running shows go on, and their publishers come back; new ones wait. */
  #assertSpace(room: Room | undefined): void {
    const isRunning = room?.state === 'live' || room?.state === 'hold';
    if (this.#parts.disk.isFull && !isRunning) throw new CodedError(roomErrors, 'DISK_FULL');
  }

  /** The sweeper may be late; a publisher is not given a room that should have ended. */
  #expired(room: Room, nowMs: number): readonly [Room, Room] | undefined {
    if (room.state !== 'hold' || nowMs - room.heldAtMs < this.#parts.config.holdMs) return undefined;
    return [room, moveRoom(room, decide('hold', 'timedOut'), { nowMs })];
  }

  async #planned(client: Transaction, host: Host, nowMs: number): Promise<Room> {
    const { beginsPerHourMax } = this.#parts.config;
    const session = await takeSession(client, host, { beginsPerHourMax, nowMs });
    return planRoom(host, { session, title: host.title, visibility: host.visibility, nowMs });
  }
}

/** Unknown hosts and wrong secrets get one answer. */
function checkKey(key: StreamKey, host: Host | undefined): Host {
  if (host && matchesStreamKey(key, host.streamKeyHash)) return host;
  throw new CodedError(roomErrors, 'STREAM_KEY_WRONG');
}

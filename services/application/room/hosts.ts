import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Sql } from '@gala/lib/sql';
import { commonErrors, roomErrors } from '@gala/protocol/errors';
import { shardOfUser } from '@gala/protocol/ids';
import type { Transaction } from './store/connection.ts';
import type { Areas } from './areas.ts';
import type { RoomEvents } from './events.ts';
import type { Reads } from './reads.ts';
import { checkHostMedia, noHostMedia } from './host-media.ts';
import type { Host, HostMedia, HostProfile, Visibility } from './room.ts';
import { insertHost, lockHost, saveHost, saveHostMedia } from './store/hosts.ts';
import { lockPresentRoom, saveLocked } from './store/rooms.ts';
import { createStreamKey } from './stream-key.ts';

const titlePattern = /^\P{Cc}{0,120}$/u;
const announcementPattern = /^[\P{Cc}\n]{0,500}$/u;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$/;

export interface HostParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly events: RoomEvents;
  readonly reads: Reads;
  readonly areas: Pick<Areas, 'checkChoice'>;
}

export interface HostChange {
  readonly title?: string;
  readonly visibility?: Visibility;
  /** Empty for none. */
  readonly areaId?: string;
  /** Empty takes it away. */
  readonly announcement?: string;
}

/** A host with the only copy of the stream key that there will ever be. */
export interface KeyedHost {
  readonly host: Host;
  readonly streamKey: string;
}

/** Host profiles and their stream keys; a host's id is the id of the user. */
export class Hosts {
  readonly #parts: HostParts;

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  /** @throws CodedError HOST_EXISTS, INVALID_REQUEST */
  async create(asked: { hostId: number; name: string; title: string }): Promise<KeyedHost> {
    const { hostId, name, title } = asked;
    if (!namePattern.test(name)) throw invalid('name');
    const key = createStreamKey(hostId);
    const host: Host = {
      hostId,
      name,
      title: checkTitle(title),
      visibility: 'public',
      streamKeyHash: key.hash,
      streamKeyVersion: 1,
      sessionCount: 0,
      createdAtMs: this.#parts.clock.nowMs(),
      media: noHostMedia,
      areaId: '',
      announcement: '',
      announcedAtMs: 0,
      version: 1,
    };
    const isNew = await this.#parts.sql.tx(shardOfUser(hostId), (client) => insertHost(client, host));
    if (!isNew) throw new CodedError(roomErrors, 'HOST_EXISTS');
    this.#parts.events.hostCreated(host);
    this.#parts.reads.hostChanged(host);
    return { host, streamKey: key.text };
  }

  /** @throws CodedError HOST_UNKNOWN */
  async get(hostId: number): Promise<HostProfile> {
    const host = await this.#parts.reads.host(hostId);
    if (!host) throw new CodedError(roomErrors, 'HOST_UNKNOWN');
    return host;
  }

  /**
   * Changes the profile and the room that has not ended, so that a show on air follows at once.
   * @throws CodedError HOST_UNKNOWN, AREA_UNKNOWN, INVALID_REQUEST
   */
  async update(hostId: number, change: HostChange): Promise<Host> {
    if (change.title !== undefined) checkTitle(change.title);
    if (change.areaId !== undefined) this.#parts.areas.checkChoice(change.areaId);
    const { announcement, ...shown } = change;
    if (announcement !== undefined && !announcementPattern.test(announcement)) throw invalid('announcement');
    const nowMs = this.#parts.clock.nowMs();
    const changed = await this.#change(hostId, async (client, host) => {
      const room = await lockPresentRoom(client, hostId);
      const renamed = room && (await saveLocked(client, room, { ...room, ...shown }));
      return { host: { ...announced(host, announcement, nowMs), ...shown }, room: renamed };
    });
    if (changed.room) this.#parts.reads.roomChanged(changed.room);
    this.#parts.reads.hostChanged(changed.host);
    return changed.host;
  }

  /**
   * Replaces all of it. A stream that is on air follows at its next publish.
   * @throws CodedError HOST_UNKNOWN, INVALID_REQUEST
   */
  async updateMedia(hostId: number, media: HostMedia): Promise<HostMedia> {
    const checked = checkHostMedia(media);
    const version = await this.#parts.sql.tx(shardOfUser(hostId), (client) =>
      saveHostMedia(client, hostId, checked),
    );
    if (version === undefined) throw new CodedError(roomErrors, 'HOST_UNKNOWN');
    this.#parts.events.hostMediaChanged(hostId, checked);
    this.#parts.reads.hostChanged({ hostId, version });
    return checked;
  }

  /** The old key stops working with this; a publisher that is on air goes on until it leaves. */
  async rotateStreamKey(hostId: number): Promise<KeyedHost> {
    const key = createStreamKey(hostId);
    const { host } = await this.#change(hostId, async (_client, host) => ({
      host: { ...host, streamKeyHash: key.hash, streamKeyVersion: host.streamKeyVersion + 1 },
    }));
    this.#parts.events.streamKeyRotated(host);
    this.#parts.reads.hostChanged(host);
    return { host, streamKey: key.text };
  }

  #change<Changed extends { readonly host: Host }>(
    hostId: number,
    change: (client: Transaction, host: Host) => Promise<Changed>,
  ): Promise<Changed> {
    return this.#parts.sql.tx(shardOfUser(hostId), async (client) => {
      const host = await lockHost(client, hostId);
      if (!host) throw new CodedError(roomErrors, 'HOST_UNKNOWN');
      const changed = await change(client, host);
      return { ...changed, host: await saveHost(client, changed.host) };
    });
  }
}

/** Saying the same again is nothing new. */
function announced(host: Host, announcement: string | undefined, nowMs: number): Host {
  if (announcement === undefined || announcement === host.announcement) return host;
  return { ...host, announcement, announcedAtMs: announcement === '' ? 0 : nowMs };
}

/** @throws CodedError INVALID_REQUEST above 120 characters, or for control characters */
export function checkTitle(title: string): string {
  if (!titlePattern.test(title)) throw invalid('title');
  return title;
}

function invalid(field: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail: field });
}

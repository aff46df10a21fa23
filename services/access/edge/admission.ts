import { createHash } from 'node:crypto';
import { CodedError, hasCode } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import { roomErrors } from '@gala/protocol/errors';
import { parseId, userIdMax } from '@gala/protocol/ids';
import {
  Visibility,
  type AdmitPublishResponse,
  type AdmitPullResponse,
  type RoomService,
} from '@gala/protocol/room';
import type { StreamIdentity } from './stream.ts';

/** A publisher waits for its answer; an unknown key must be refused within a second. */
const decisionMs = 2_500;

export interface Admitted {
  readonly identity: StreamIdentity;
  readonly epoch: number;
  /** True when the room service could not be asked and the key was known from the held stream. */
  readonly fromMemory: boolean;
}

interface Asked {
  readonly streamKey: string;
  readonly remoteAddress: string;
  readonly onlyCheck: boolean;
  readonly traceparent?: string;
}

/**
 * The publish decision of the room service. When that cannot be reached, a key that published here moments ago
 * and whose stream still stands is admitted from memory, so that a dead database does not end running shows.
 */
export class Admission {
  readonly #rooms: Client<typeof RoomService>;
  readonly #edgeId: string;
  /** By the hash of the key; the owner keeps it to the streams that stand. */
  readonly #remembered = new Map<string, Admitted>();

  constructor(rooms: Client<typeof RoomService>, edgeId: string) {
    this.#rooms = rooms;
    this.#edgeId = edgeId;
  }

  /** @throws CodedError STREAM_KEY_WRONG and the other codes of AdmitPublish; UNAVAILABLE */
  admit(streamKey: string, remoteAddress: string, traceparent?: string): Promise<Admitted> {
    return this.#askOrRemember({ streamKey, remoteAddress, onlyCheck: false, traceparent });
  }

  /**
   * Whose key it is, and the room that its holder would get; nothing comes of it.
   * @throws as `admit`
   */
  check(streamKey: string, remoteAddress: string): Promise<Admitted> {
    return this.#askOrRemember({ streamKey, remoteAddress, onlyCheck: true });
  }

  /** Asks the room service. A key that it refuses is not admitted from memory later. */
  ask(streamKey: string, remoteAddress: string): Promise<Admitted> {
    return this.#ask({ streamKey, remoteAddress, onlyCheck: false });
  }

  async #askOrRemember(asked: Asked): Promise<Admitted> {
    const { streamKey } = asked;
    if (!looksLikeKey(streamKey)) throw new CodedError(roomErrors, 'STREAM_KEY_WRONG');
    try {
      return await this.#ask(asked);
    } catch (error) {
      const remembered = isUnreachable(error) ? this.#remembered.get(hashOf(streamKey)) : undefined;
      if (!remembered) throw error;
      return { ...remembered, fromMemory: true };
    }
  }

  async #ask({ traceparent, ...asked }: Asked): Promise<Admitted> {
    const request = { ...asked, edgeId: this.#edgeId };
    try {
      return toAdmitted(await this.#rooms.admitPublish(request, { timeoutMs: decisionMs, traceparent }));
    } catch (error) {
      if (hasCode(error, 'STREAM_KEY_WRONG')) this.#remembered.delete(hashOf(asked.streamKey));
      throw error;
    }
  }

  /**
   * Asks the room service to let this edge pull a host's source.
   * @throws CodedError ROOM_LIVE, SOURCE_UNSET and the other codes of AdmitPull; UNAVAILABLE
   */
  async pull(hostId: number): Promise<Admitted> {
    const request = { hostId: BigInt(hostId), edgeId: this.#edgeId };
    return toAdmitted(await this.#rooms.admitPull(request, { timeoutMs: decisionMs }));
  }

  /** Keeps the key of a stream on air; the last one that published to it. */
  remember(streamKey: string, admitted: Admitted): void {
    this.forget(admitted.identity.roomId);
    this.#remembered.set(hashOf(streamKey), admitted);
  }

  /** Call when the stream has ended. */
  forget(roomId: number): void {
    for (const [hash, { identity }] of this.#remembered) {
      if (identity.roomId === roomId) this.#remembered.delete(hash);
    }
  }
}

/** True for errors that say "cannot ask now", as opposed to a decision. */
export function isUnreachable(error: unknown): boolean {
  return hasCode(error, 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL');
}

/** Keys are kept and looked up as hashes alone, so that neither memory nor timing gives one away. */
function hashOf(streamKey: string): string {
  return createHash('sha256').update(streamKey).digest('base64');
}

function looksLikeKey(streamKey: string): boolean {
  const dot = streamKey.indexOf('.');
  return dot > 0 && streamKey.length <= 128 && parseId(streamKey.slice(0, dot), userIdMax) !== undefined;
}

function toAdmitted({ room, holdMs, media }: AdmitPublishResponse | AdmitPullResponse): Admitted {
  if (!room) throw new CodedError(roomErrors, 'ROOM_UNKNOWN');
  const identity = {
    roomId: Number(room.roomId),
    hostName: room.hostName,
    isPrivate: room.visibility === Visibility.PRIVATE,
    holdMs,
    media: { record: media?.record ?? false, forwardUrls: media?.forwardUrls ?? [] },
  };
  return { identity, epoch: Number(room.epoch), fromMemory: false };
}

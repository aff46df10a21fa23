import { createHash, timingSafeEqual } from 'node:crypto';
import { CodedError, hasCode } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import { roomErrors } from '@gala/protocol/errors';
import { parseId, userIdMax } from '@gala/protocol/ids';
import { Visibility, type AdmitPublishResponse, type RoomService } from '@gala/protocol/room';
import type { StreamIdentity } from './stream.ts';

/** A publisher waits for its answer; an unknown key must be refused within a second. */
const decisionMs = 2_500;
/** Keys of streams that are on air or held here, as hashes; bounded by those streams. */
const hashOf = (streamKey: string) => createHash('sha256').update(streamKey).digest();

export interface Admitted {
  readonly identity: StreamIdentity;
  readonly epoch: number;
  /** True when the room service could not be asked and the key was known from the held stream. */
  readonly fromMemory: boolean;
}

/**
 * The publish decision of the room service. When that cannot be reached, a key that published here moments ago
 * and whose stream still stands is admitted from memory, so that a dead database does not end running shows.
 */
export class Admission {
  readonly #rooms: Client<typeof RoomService>;
  readonly #edgeId: string;
  readonly #keyOfRoom = new Map<number, { hash: Buffer; admitted: Admitted }>();

  constructor(rooms: Client<typeof RoomService>, edgeId: string) {
    this.#rooms = rooms;
    this.#edgeId = edgeId;
  }

  /** @throws CodedError STREAM_KEY_WRONG and the other codes of AdmitPublish; UNAVAILABLE */
  async admit(streamKey: string, remoteAddress: string): Promise<Admitted> {
    if (!looksLikeKey(streamKey)) throw new CodedError(roomErrors, 'STREAM_KEY_WRONG');
    try {
      return await this.ask(streamKey, remoteAddress);
    } catch (error) {
      const remembered = isUnreachable(error) ? this.#recall(streamKey) : undefined;
      if (!remembered) throw error;
      return { ...remembered, fromMemory: true };
    }
  }

  /** Asks the room service, and remembers the key for as long as the stream stands. */
  async ask(streamKey: string, remoteAddress: string): Promise<Admitted> {
    const request = { streamKey, edgeId: this.#edgeId, remoteAddress };
    const admitted = toAdmitted(await this.#rooms.admitPublish(request, { timeoutMs: decisionMs }));
    this.#keyOfRoom.set(admitted.identity.roomId, { hash: hashOf(streamKey), admitted });
    return admitted;
  }

  forget(roomId: number): void {
    this.#keyOfRoom.delete(roomId);
  }

  #recall(streamKey: string): Admitted | undefined {
    const hash = hashOf(streamKey);
    for (const known of this.#keyOfRoom.values())
      if (timingSafeEqual(known.hash, hash)) return known.admitted;
    return undefined;
  }
}

/** True for errors that say "cannot ask now", as opposed to a decision. */
export function isUnreachable(error: unknown): boolean {
  return hasCode(error, 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'DATABASE_UNAVAILABLE', 'INTERNAL');
}

function looksLikeKey(streamKey: string): boolean {
  const dot = streamKey.indexOf('.');
  return dot > 0 && streamKey.length <= 128 && parseId(streamKey.slice(0, dot), userIdMax) !== undefined;
}

function toAdmitted({ room, holdMs }: AdmitPublishResponse): Admitted {
  if (!room) throw new CodedError(roomErrors, 'ROOM_UNKNOWN');
  const identity = {
    roomId: Number(room.roomId),
    hostId: Number(room.hostId),
    hostName: room.hostName,
    isPrivate: room.visibility === Visibility.PRIVATE,
    holdMs,
  };
  return { identity, epoch: Number(room.epoch), fromMemory: false };
}

import { CodedError, hasCode } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import { hostOfRoom, parseId, roomIdMax, userIdMax } from '@gala/protocol/ids';
import type { EnterAnswer, Host, Room } from '@gala/protocol/rest';
import { checkMayWatch } from './access.ts';
import type { Call, Reply } from './call.ts';
import { restHost, restRoom } from './conversions.ts';
import { playGrant } from './grant.ts';
import type { Parts } from './parts.ts';
import { playsOf } from './plays.ts';
import { playUrls } from './play.ts';
import { replayOfRoom } from './replay.ts';

type EnterCall = Pick<Call<'enterRoom'>, 'params' | 'visitor' | 'page' | 'rpc'>;

/**
 * Everything a viewer needs, in one answer: the room, its host and where to play. An ended room answers
 * with nothing to play, and with its replay if it was recorded. HOST_UNKNOWN for a name that is no host's, ROOM_UNKNOWN for a host who never began
 * a room, ROOM_PRIVATE for strangers to a private one.
 */
export async function enterRoom(parts: Parts, call: EnterCall): Promise<Reply<EnterAnswer>> {
  const { room, host } = await roomAndHost(parts, call);
  if (room.visibility === 'private') checkMayWatch(await call.visitor(), room);
  // Asked for beside the rest: whatever it does, the answer goes out without it.
  const counting = playsOf(parts, call, room.roomId);
  const isOnAir = room.state !== 'ended';
  const grant = isOnAir ? await playGrant(parts, call, { room }) : undefined;
  const play = playUrls({ room, page: call.page, addresses: parts.config, ...(grant && { grant }) });
  const replay = room.state === 'ended' ? await replayOfRoom(parts, call, room) : undefined;
  const plays = await counting;
  const extra = { ...(plays !== undefined && { plays }), ...(replay && { replay }) };
  return { body: { room, host, play, ...extra } };
}

/** The room of a path parameter; ROOM_UNKNOWN for a number that is no room id (no user has the number 0). */
export function roomIdOf(text: string): number {
  const roomId = parseId(text, roomIdMax);
  if (roomId === undefined || hostOfRoom(roomId) === 0) throw new CodedError(protocolErrors, 'ROOM_UNKNOWN');
  return roomId;
}

async function roomAndHost(parts: Parts, call: EnterCall): Promise<{ room: Room; host: Host }> {
  const { roomRef } = call.params;
  if (roomRef.startsWith('@')) return presentRoom(parts, call, roomRef.slice(1));
  const roomId = roomIdOf(roomRef);
  const [{ room }, { host }] = await Promise.all([
    parts.room.getRoom({ roomId: BigInt(roomId) }, call.rpc),
    parts.room.getHost({ hostId: BigInt(hostOfRoom(roomId)) }, call.rpc),
  ]).catch(hostOfUnknownRoom);
  if (!room || !host) throw new CodedError(protocolErrors, 'ROOM_UNKNOWN');
  return { room: restRoom(room), host: restHost(host) };
}

/** The host is computed from the room id: where he is unknown, so is the room. */
function hostOfUnknownRoom(error: unknown): never {
  throw hasCode(error, 'HOST_UNKNOWN') ? new CodedError(protocolErrors, 'ROOM_UNKNOWN') : error;
}

async function presentRoom(parts: Parts, call: EnterCall, name: string): Promise<{ room: Room; host: Host }> {
  const hostId = await hostIdOfName(parts, call, name);
  const [{ room }, { host }] = await Promise.all([
    parts.room.getPresentRoom({ hostId }, call.rpc),
    parts.room.getHost({ hostId }, call.rpc),
  ]);
  if (!host) throw new CodedError(protocolErrors, 'HOST_UNKNOWN');
  if (!room) throw new CodedError(protocolErrors, 'ROOM_UNKNOWN', { detail: 'the host never began one' });
  return { room: restRoom(room), host: restHost(host) };
}

/** The host of the path parameter `hostRef`: `@name` or a host id. @throws CodedError HOST_UNKNOWN */
export async function hostIdOf(parts: Parts, call: Pick<Call, 'params' | 'rpc'>): Promise<number> {
  return hostIdOfRef(parts, call, call.params.hostRef);
}

/** @throws CodedError HOST_UNKNOWN */
export async function hostIdOfRef(parts: Parts, call: Pick<Call, 'rpc'>, hostRef: string): Promise<number> {
  if (hostRef.startsWith('@')) return Number(await hostIdOfName(parts, call, hostRef.slice(1)));
  const hostId = parseId(hostRef, userIdMax);
  if (hostId === undefined) throw new CodedError(protocolErrors, 'HOST_UNKNOWN');
  return hostId;
}

/** The id of the host behind a login name. @throws CodedError HOST_UNKNOWN */
async function hostIdOfName(parts: Parts, call: Pick<Call, 'rpc'>, name: string): Promise<bigint> {
  try {
    const { user } = await parts.account.findUser({ name }, call.rpc);
    if (user) return user.userId;
  } catch (error) {
    if (!hasCode(error, 'USER_UNKNOWN')) throw error;
  }
  throw new CodedError(protocolErrors, 'HOST_UNKNOWN');
}

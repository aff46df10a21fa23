import type { ApiToken, Issuer } from '@gala/protocol/account';
import type * as rest from '@gala/protocol/rest';
import { RoomState, Visibility, type Host, type Room } from '@gala/protocol/room';

/** Between the messages of the rpc contracts (bigint, enum numbers) and the JSON of `/v1` (numbers, words). */
const stateWords = {
  [RoomState.CREATED]: 'created',
  [RoomState.LIVE]: 'live',
  [RoomState.HOLD]: 'hold',
  [RoomState.ENDED]: 'ended',
} as const;

export function restRoom(room: Room): rest.Room {
  if (room.state === RoomState.UNSPECIFIED) throw new TypeError(`room ${room.roomId} has no state`);
  return {
    roomId: Number(room.roomId),
    hostId: Number(room.hostId),
    hostName: room.hostName,
    title: room.title,
    state: stateWords[room.state],
    visibility: restVisibility(room.visibility),
    viewers: room.viewers,
    createdAtMs: Number(room.createdAtMs),
    ...(room.startedAtMs && { startedAtMs: Number(room.startedAtMs) }),
    ...(room.endedAtMs && { endedAtMs: Number(room.endedAtMs) }),
    ...(room.startsAtMs && { startsAtMs: Number(room.startsAtMs) }),
    ...(room.areaId && { areaId: room.areaId }),
    ...(room.endReason && { endReason: room.endReason }),
    ...((room.videoCodec || room.audioCodec) && { media: restMedia(room) }),
    ...(room.renditionLines.length > 0 && { renditions: room.renditionLines.map((lines) => `${lines}p`) }),
  };
}

function restMedia({ videoCodec, audioCodec }: Room): rest.RoomMedia {
  return { ...(videoCodec && { video: videoCodec }), ...(audioCodec && { audio: audioCodec }) };
}

export function restHost(host: Host): rest.Host {
  return {
    hostId: Number(host.hostId),
    name: host.name,
    title: host.title,
    visibility: restVisibility(host.visibility),
    createdAtMs: Number(host.createdAtMs),
    sessionCount: host.sessionCount,
    ...(host.areaId && { areaId: host.areaId }),
    ...(host.announcement && {
      announcement: { text: host.announcement, sinceMs: Number(host.announcedAtMs) },
    }),
  };
}

export function restApiToken(token: ApiToken) {
  return {
    tokenId: token.tokenId,
    name: token.name,
    scopes: token.scopes,
    createdAtMs: Number(token.createdAtMs),
    ...(token.expiresAtMs && { expiresAtMs: Number(token.expiresAtMs) }),
  };
}

export function restIssuer({ issuer, audience, jwks }: Issuer) {
  return { issuer, audience, jwks };
}

/** What is not said is private: a room is never opened by a missing field. */
function restVisibility(visibility: Visibility): rest.Room['visibility'] {
  return visibility === Visibility.PUBLIC ? 'public' : 'private';
}

/** UNSPECIFIED lets the room service take the host's own setting. */
export function rpcVisibility(visibility: rest.Room['visibility'] | undefined): Visibility {
  if (!visibility) return Visibility.UNSPECIFIED;
  return visibility === 'public' ? Visibility.PUBLIC : Visibility.PRIVATE;
}

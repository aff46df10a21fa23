import { invariant } from '@gala/lib/error';
import type { StoredHost, StoredRoom } from '@gala/protocol/reader';
import type { Host, HostProfile, Room, Visibility } from '../room.ts';
import { roomStates, type RoomState } from '../state.ts';

/** Rows as roles hand them to each other. */
export function storedRoom(room: Room) {
  return {
    ...room,
    roomId: BigInt(room.roomId),
    hostId: BigInt(room.hostId),
    epoch: BigInt(room.epoch),
    createdAtMs: BigInt(room.createdAtMs),
    startedAtMs: BigInt(room.startedAtMs),
    keyFrameAtMs: BigInt(room.keyFrameAtMs),
    heldAtMs: BigInt(room.heldAtMs),
    endedAtMs: BigInt(room.endedAtMs),
    changedAtMs: BigInt(room.changedAtMs),
    startsAtMs: BigInt(room.startsAtMs),
    reportSequence: BigInt(room.reportSequence),
    version: BigInt(room.version),
  };
}

export function roomOfStored(stored: StoredRoom): Room {
  const { hostName, title, edgeId, endReason, viewers, videoCodec, audioCodec, renditions, areaId } = stored;
  return {
    roomId: Number(stored.roomId),
    hostId: Number(stored.hostId),
    hostName,
    title,
    visibility: visibilityOf(stored.visibility),
    state: stateOf(stored.state),
    epoch: Number(stored.epoch),
    edgeId,
    createdAtMs: Number(stored.createdAtMs),
    startedAtMs: Number(stored.startedAtMs),
    keyFrameAtMs: Number(stored.keyFrameAtMs),
    heldAtMs: Number(stored.heldAtMs),
    endedAtMs: Number(stored.endedAtMs),
    changedAtMs: Number(stored.changedAtMs),
    endReason,
    viewers,
    reportSequence: Number(stored.reportSequence),
    videoCodec,
    audioCodec,
    renditions,
    areaId,
    startsAtMs: Number(stored.startsAtMs),
    version: Number(stored.version),
  };
}

/** Without what proves a stream key, which nobody but the room role checks. */
export function storedHost(host: Host) {
  const { name, title, visibility, streamKeyVersion, sessionCount, media } = host;
  return {
    hostId: BigInt(host.hostId),
    name,
    title,
    visibility,
    streamKeyVersion,
    sessionCount,
    createdAtMs: BigInt(host.createdAtMs),
    record: media.record,
    forwardUrls: [...media.forwardUrls],
    sourceUrl: media.sourceUrl,
    areaId: host.areaId,
    announcement: host.announcement,
    announcedAtMs: BigInt(host.announcedAtMs),
    version: BigInt(host.version),
  };
}

export function hostOfStored(stored: StoredHost): HostProfile {
  const { name, title, streamKeyVersion, sessionCount, record, forwardUrls, sourceUrl } = stored;
  return {
    hostId: Number(stored.hostId),
    name,
    title,
    visibility: visibilityOf(stored.visibility),
    streamKeyVersion,
    sessionCount,
    createdAtMs: Number(stored.createdAtMs),
    media: { record, forwardUrls, sourceUrl },
    areaId: stored.areaId,
    announcement: stored.announcement,
    announcedAtMs: Number(stored.announcedAtMs),
    version: Number(stored.version),
  };
}

function visibilityOf(text: string): Visibility {
  invariant(text === 'public' || text === 'private', 'a stored visibility is known');
  return text;
}

function stateOf(text: string): RoomState {
  const state = roomStates.find((each) => each === text);
  invariant(state, 'a stored state is known');
  return state;
}

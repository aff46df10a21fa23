import { composeRoomId } from '@gala/protocol/ids';
import type { RoomState, Transition } from './state.ts';

/** Below the number of any report. */
const noReport = -1;

export type Visibility = 'public' | 'private';

/** One session of a host. Times are milliseconds since 1970, 0 when it has not happened. */
export interface Room {
  readonly roomId: number;
  readonly hostId: number;
  readonly hostName: string;
  readonly title: string;
  readonly visibility: Visibility;
  readonly state: RoomState;
  /** Fences publishers: 0 until the first is admitted, one more with each. */
  readonly epoch: number;
  /** Coord member that owns the stream. */
  readonly edgeId: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number;
  readonly keyFrameAtMs: number;
  readonly heldAtMs: number;
  readonly endedAtMs: number;
  /** Last change of state or epoch. */
  readonly changedAtMs: number;
  readonly endReason: string;
  /** Undefined: on air, and no heart-beat has counted them since the room began or its database crashed. */
  readonly viewers: number | undefined;
  /** Last report applied of this epoch. */
  readonly reportSequence: number;
  /** What the publisher sends (RFC 6381); empty while it is not known, and for a track that is not sent. */
  readonly videoCodec: string;
  readonly audioCodec: string;
  /** Renditions that may be asked for: `720,540`, the lines of their shorter side, largest first. */
  readonly renditions: string;
  /** Of the list of areas; empty for none. */
  readonly areaId: string;
  /** When a scheduled room is to begin. */
  readonly startsAtMs: number;
  /** Of the row; grows with every change but that of the viewers. 0: not stored yet. */
  readonly version: number;
}

/** What is done with a host's streams beside showing them. The URLs may hold keys: they are never logged. */
export interface HostMedia {
  readonly record: boolean;
  /** RTMP or RTMPS, 8 at most. */
  readonly forwardUrls: readonly string[];
  /** What the edge pulls while somebody watches and the host does not publish; empty for none. */
  readonly sourceUrl: string;
}

export interface Host {
  readonly hostId: number;
  /** Login name of the user, for the permanent page. */
  readonly name: string;
  readonly title: string;
  readonly visibility: Visibility;
  readonly streamKeyHash: Buffer;
  readonly streamKeyVersion: number;
  /** Sessions begun or scheduled so far; the session part of the last room id. */
  readonly sessionCount: number;
  readonly createdAtMs: number;
  readonly media: HostMedia;
  readonly areaId: string;
  /** What the host tells on his page; empty for nothing. */
  readonly announcement: string;
  readonly announcedAtMs: number;
  /** Of the row; grows with every change. 0: not stored yet. */
  readonly version: number;
}

/** A host without what proves his stream key. */
export type HostProfile = Omit<Host, 'streamKeyHash'>;

export interface RoomPlan {
  readonly session: number;
  readonly title: string;
  readonly visibility: Visibility;
  readonly nowMs: number;
  readonly startsAtMs?: number;
}

/** The next room of a host, not begun yet. */
export function planRoom(host: Host, { session, title, visibility, nowMs, startsAtMs = 0 }: RoomPlan): Room {
  return {
    roomId: composeRoomId(host.hostId, session),
    hostId: host.hostId,
    hostName: host.name,
    title,
    visibility,
    state: 'created',
    epoch: 0,
    edgeId: '',
    createdAtMs: nowMs,
    startedAtMs: 0,
    keyFrameAtMs: 0,
    heldAtMs: 0,
    endedAtMs: 0,
    changedAtMs: nowMs,
    endReason: '',
    viewers: 0,
    reportSequence: noReport,
    videoCodec: '',
    audioCodec: '',
    renditions: '',
    areaId: host.areaId,
    startsAtMs,
    version: 0,
  };
}

/** The room after a transition; the same object when its state stays. */
export function moveRoom(room: Room, transition: Transition, at: { nowMs: number; reason?: string }): Room {
  const { to } = transition;
  if (to === room.state) return room;
  const moved = { ...room, state: to, changedAtMs: at.nowMs };
  if (to === 'hold') return { ...moved, heldAtMs: at.nowMs };
  if (to === 'live') return { ...moved, heldAtMs: 0, startedAtMs: room.startedAtMs || at.nowMs };
  const endReason = at.reason || transition.endReason || to;
  return { ...moved, endedAtMs: at.nowMs, endReason, edgeId: '', viewers: 0 };
}

/** The room with a new publisher, who fences all before. The state is moved apart. */
export function fenceRoom(room: Room, edgeId: string, nowMs: number): Room {
  return {
    ...room,
    epoch: room.epoch + 1,
    edgeId,
    reportSequence: noReport,
    changedAtMs: nowMs,
  };
}

export function isOnAir(room: Room): boolean {
  return room.state === 'live' || room.state === 'hold';
}

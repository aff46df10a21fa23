import { CodedError, hasCode } from '@gala/lib/error';
import { mapErrors, type Handlers } from '@gala/lib/rpc';
import { outageCodes } from '@gala/lib/sql';
import type { Tracer } from '@gala/lib/trace';
import { commonErrors } from '@gala/protocol/errors';
import { roomIdMax, userIdMax } from '@gala/protocol/ids';
import * as wire from '@gala/protocol/room';
import type { Admission } from './admission.ts';
import type { HeartBeats } from './heart-beats.ts';
import type { HostChange, Hosts } from './hosts.ts';
import type { LiveList } from './live-list.ts';
import type { Recordings } from './recordings.ts';
import { ongoingHandlers } from './ongoing/routes.ts';
import type { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import type { PlayCounts } from './plays/play-counts.ts';
import { recordingOf, wireRecording } from './recording-wire.ts';
import type { HostMedia, HostProfile, Room, Visibility } from './room.ts';
import type { Rooms, StreamEvent } from './rooms.ts';
import type { RoomState } from './state.ts';

/** Streams that one heart-beat may name; far above what one edge carries. */
const streamsMax = 20_000;
const renditionsMax = 8;
const codecPattern = /^[\w.-]{0,64}$/;
const edgeIdPattern = /^[\w.:-]{1,128}$/;

export interface RoutedParts {
  readonly hosts: Hosts;
  readonly rooms: Rooms;
  readonly admission: Admission;
  readonly heartBeats: HeartBeats;
  readonly playCounts: Pick<PlayCounts, 'note'>;
  readonly liveList: LiveList;
  readonly recordings: Recordings;
  readonly ongoing: OngoingRooms;
  readonly holdMs: number;
  readonly tracer: Tracer;
}

/** Operations of the protocol as calls of the domain; conversions happen here and nowhere else. */
export function createHandlers(parts: RoutedParts): Handlers<typeof wire.RoomService> {
  return mapErrors(
    {
      ...hostHandlers(parts),
      ...roomHandlers(parts),
      ...streamHandlers(parts),
      ...recordingHandlers(parts),
      ...ongoingHandlers(parts.ongoing),
    },
    toProtocolError,
  );
}

type HandlersOf<Names extends keyof Handlers<typeof wire.RoomService>> = Pick<
  Handlers<typeof wire.RoomService>,
  Names
>;

function hostHandlers({
  hosts,
}: RoutedParts): HandlersOf<
  'createHost' | 'getHost' | 'updateHost' | 'rotateStreamKey' | 'getHostMedia' | 'updateHostMedia'
> {
  return {
    createHost: async ({ userId, name, title }) => {
      const { host, streamKey } = await hosts.create({ hostId: userIdOf(userId), name, title });
      return { host: wireHost(host), streamKey };
    },
    getHost: async ({ hostId }) => ({ host: wireHost(await hosts.get(userIdOf(hostId))) }),
    updateHost: async ({ hostId, title, visibility, areaId, announcement }) => {
      const change: HostChange = {
        ...(title !== undefined && { title }),
        ...(visibility && { visibility: visibilityOf(visibility) }),
        ...(areaId !== undefined && { areaId }),
        ...(announcement !== undefined && { announcement }),
      };
      return { host: wireHost(await hosts.update(userIdOf(hostId), change)) };
    },
    rotateStreamKey: async ({ hostId }) => {
      const { streamKey } = await hosts.rotateStreamKey(userIdOf(hostId));
      return { streamKey };
    },
    getHostMedia: async ({ hostId }) => {
      const { media } = await hosts.get(userIdOf(hostId));
      return { media: wireMedia(media) };
    },
    updateHostMedia: async ({ hostId, media }) => {
      if (!media) throw invalid('media');
      return { media: wireMedia(await hosts.updateMedia(userIdOf(hostId), media)) };
    },
  };
}

function roomHandlers({
  rooms,
  liveList,
}: RoutedParts): HandlersOf<'createRoom' | 'getRoom' | 'getPresentRoom' | 'listLive' | 'endRoom'> {
  return {
    createRoom: async ({ hostId, title, visibility, startsAtMs }) => {
      const asked = {
        hostId: userIdOf(hostId),
        title,
        visibility: visibilityOf(visibility),
        startsAtMs: Number(startsAtMs),
      };
      return { room: wireRoom(await rooms.schedule(asked)) };
    },
    getRoom: async ({ roomId }) => ({ room: wireRoom(await rooms.get(roomIdOf(roomId))) }),
    getPresentRoom: async ({ hostId }) => {
      const room = await rooms.present(userIdOf(hostId));
      return room ? { room: wireRoom(room) } : {};
    },
    listLive: async ({ limit, cursor, areaId }) => {
      const page = await liveList.list({ limit, cursor, areaId });
      return { rooms: page.rooms.map(wireRoom), nextCursor: page.nextCursor, total: page.total };
    },
    endRoom: async ({ roomId, reason }) => ({ room: wireRoom(await rooms.end(roomIdOf(roomId), reason)) }),
  };
}

function streamHandlers({
  rooms,
  admission,
  heartBeats,
  playCounts,
  holdMs,
  tracer,
}: RoutedParts): HandlersOf<'admitPublish' | 'admitPull' | 'reportStream' | 'reportEdge'> {
  return {
    admitPublish: async ({ streamKey, edgeId, remoteAddress, onlyCheck }, { traceparent }) => {
      using span = tracer.start('room.admitPublish', { parent: traceparent });
      const asked = { streamKey, edgeId: edgeIdOf(edgeId), remoteAddress };
      const { room, media } = await (onlyCheck ? admission.check(asked) : admission.admit(asked));
      span.set('roomId', room.roomId).set('epoch', room.epoch);
      return { room: wireRoom(room), holdMs, media: wireMedia(media) };
    },
    admitPull: async ({ hostId, edgeId }) => {
      const { room, media } = await admission.admitPull({
        hostId: userIdOf(hostId),
        edgeId: edgeIdOf(edgeId),
      });
      return { room: wireRoom(room), holdMs, media: wireMedia(media) };
    },
    reportStream: async ({ roomId, epoch, sequence, event, edgeId, reason, ...made }) => {
      const answer = await rooms.report({
        roomId: roomIdOf(roomId),
        epoch: Number(epoch),
        reportSequence: sequence,
        event: streamEventOf(event),
        edgeId: edgeIdOf(edgeId),
        reason,
        codecs: {
          videoCodec: codecOf(made.videoCodec),
          audioCodec: codecOf(made.audioCodec),
          renditions: renditionsOf(made.renditionLines),
        },
      });
      const order = answer.order === 'goOn' ? wire.StreamOrder.GO_ON : wire.StreamOrder.STOP;
      return answer.room ? { order, room: wireRoom(answer.room) } : { order };
    },
    reportEdge: async ({ edgeId, streams }) => {
      if (streams.length > streamsMax) throw invalid('streams');
      const known = streams.map(({ roomId, epoch, viewers, held, relayed }) => ({
        roomId: roomIdOf(roomId),
        epoch: Number(epoch),
        viewers,
        held,
        relayed,
      }));
      playCounts.note(
        edgeIdOf(edgeId),
        streams.map(({ roomId, plays, beganAtMs }) => ({
          roomId: Number(roomId),
          plays: Number(plays),
          beganAtMs: Number(beganAtMs),
        })),
      );
      const stops = await heartBeats.report(edgeIdOf(edgeId), known);
      return { stopRoomIds: stops.map(BigInt) };
    },
  };
}

function recordingHandlers({
  recordings,
}: RoutedParts): HandlersOf<
  'reportRecording' | 'listRecordings' | 'listHostRecordings' | 'removeRecordings' | 'listRemovals'
> {
  return {
    reportRecording: async ({ recording }) => {
      if (!recording) throw invalid('recording');
      roomIdOf(recording.roomId);
      await recordings.report(recordingOf(recording));
      return {};
    },
    listRecordings: async ({ roomId }) => ({
      recordings: (await recordings.ofRoom(roomIdOf(roomId))).map(wireRecording),
    }),
    listHostRecordings: async ({ hostId, limit, beforeRoomId }) => {
      const page = { limit, beforeRoomId: Number(beforeRoomId) };
      const recorded = await recordings.ofHost(userIdOf(hostId), page);
      return {
        rooms: recorded.map((each) => ({
          room: wireRoom(each.room),
          recordings: each.recordings.map(wireRecording),
        })),
      };
    },
    removeRecordings: async ({ roomId }) => {
      await recordings.remove(roomIdOf(roomId));
      return {};
    },
    listRemovals: async ({ folder }) => ({
      recordings: (await recordings.removals(folder)).map(wireRecording),
    }),
  };
}

/** Callers know the codes of the protocol only: whatever ails the databases is UNAVAILABLE to them. */
export function toProtocolError(cause: unknown): unknown {
  if (!hasCode(cause, ...outageCodes, 'CACHE_BUSY', 'BREAKER_OPEN')) return cause;
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
}

const wireStates: Readonly<Record<RoomState, wire.RoomState>> = {
  created: wire.RoomState.CREATED,
  live: wire.RoomState.LIVE,
  hold: wire.RoomState.HOLD,
  ended: wire.RoomState.ENDED,
};

const wireVisibilities: Readonly<Record<Visibility, wire.Visibility>> = {
  public: wire.Visibility.PUBLIC,
  private: wire.Visibility.PRIVATE,
};

const streamEvents: Readonly<Record<wire.StreamEvent, StreamEvent | undefined>> = {
  [wire.StreamEvent.UNSPECIFIED]: undefined,
  [wire.StreamEvent.STARTED]: 'started',
  [wire.StreamEvent.HELD]: 'held',
  [wire.StreamEvent.STOPPED]: 'stopped',
  [wire.StreamEvent.FAILED]: 'failed',
  [wire.StreamEvent.TAKEN_OVER]: 'takenOver',
};

function wireHost(host: HostProfile) {
  return {
    hostId: BigInt(host.hostId),
    name: host.name,
    title: host.title,
    visibility: wireVisibilities[host.visibility],
    createdAtMs: BigInt(host.createdAtMs),
    sessionCount: host.sessionCount,
    version: BigInt(host.version),
    areaId: host.areaId,
    announcement: host.announcement,
    announcedAtMs: BigInt(host.announcedAtMs),
  };
}

function wireMedia({ record, forwardUrls, sourceUrl }: HostMedia) {
  return { record, forwardUrls: [...forwardUrls], sourceUrl };
}

export function wireRoom(room: Room) {
  return {
    roomId: BigInt(room.roomId),
    hostId: BigInt(room.hostId),
    hostName: room.hostName,
    title: room.title,
    state: wireStates[room.state],
    visibility: wireVisibilities[room.visibility],
    epoch: BigInt(room.epoch),
    createdAtMs: BigInt(room.createdAtMs),
    startedAtMs: BigInt(room.startedAtMs),
    heldAtMs: BigInt(room.heldAtMs),
    endedAtMs: BigInt(room.endedAtMs),
    viewers: room.viewers ?? 0,
    endReason: room.endReason,
    edgeId: room.edgeId,
    videoCodec: room.videoCodec,
    audioCodec: room.audioCodec,
    renditionLines: room.renditions.split(',').filter(Boolean).map(Number),
    version: BigInt(room.version),
    areaId: room.areaId,
    startsAtMs: BigInt(room.startsAtMs),
  };
}

function visibilityOf(visibility: wire.Visibility): Visibility | undefined {
  if (visibility === wire.Visibility.PUBLIC) return 'public';
  return visibility === wire.Visibility.PRIVATE ? 'private' : undefined;
}

function streamEventOf(event: wire.StreamEvent): StreamEvent {
  const known = streamEvents[event];
  if (!known) throw invalid('event');
  return known;
}

function userIdOf(id: bigint): number {
  if (id < 1n || id > BigInt(userIdMax)) throw invalid('user id');
  return Number(id);
}

export function roomIdOf(id: bigint): number {
  if (id < 1n || id > BigInt(roomIdMax)) throw invalid('room id');
  return Number(id);
}

function codecOf(name: string): string {
  if (!codecPattern.test(name)) throw invalid('codec');
  return name;
}

/** The ladder has a handful of rungs. */
function renditionsOf(lines: readonly number[]): string {
  if (lines.length > renditionsMax) throw invalid('renditions');
  return lines.join(',');
}

function edgeIdOf(edgeId: string): string {
  if (!edgeIdPattern.test(edgeId)) throw invalid('edge id');
  return edgeId;
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

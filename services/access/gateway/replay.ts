import { playQuery } from '@gala/protocol/play';
import type { RecordedRoom, Replay, Room } from '@gala/protocol/rest';
import { RecordingState, type Recording } from '@gala/protocol/room';
import type { Call } from './call.ts';
import { playGrant } from './grant.ts';
import type { Parts } from './parts.ts';
import { liveBase, type PlayOptions } from './play.ts';

type ReplayCall = Pick<Call, 'page' | 'rpc'>;

const stateWords = {
  [RecordingState.RECORDING]: 'recording',
  [RecordingState.DONE]: 'done',
  [RecordingState.FAILED]: 'failed',
} as const;

/** What there is to see of a room that has ended; undefined when it was not recorded, or as FLV alone. */
export async function replayOfRoom(parts: Parts, call: ReplayCall, room: Room): Promise<Replay | undefined> {
  const { recordings } = await parts.room.listRecordings({ roomId: BigInt(room.roomId) }, call.rpc);
  return (await recordedRoom(parts, call, { room, recordings })).replay;
}

/** A room with where its recordings are played and downloaded. */
export async function recordedRoom(
  parts: Parts,
  call: ReplayCall,
  { room, recordings }: { room: Room; recordings: readonly Recording[] },
): Promise<RecordedRoom> {
  const playable = recordings.filter(({ format }) => format === 'mp4');
  const durationMs = playable.reduce((sum, each) => sum + Number(each.durationMs), 0);
  const grant = await playGrant(parts, call, { room, longerMs: 2 * durationMs });
  const address = addressesOf(parts, call, { room, ...(grant && { grant }) });
  const files = recordings.flatMap((recording) => restFile(recording, address));
  const [first] = playable;
  if (!first) return { room, files };
  const replay = {
    url: address('.m3u8'),
    startedAtMs: Number(first.startedAtMs),
    durationMs,
    ...(grant && { expiresAtMs: grant.expiresAtMs }),
  };
  return { room, replay, files };
}

function addressesOf(
  { config }: Parts,
  { page }: ReplayCall,
  { room: { roomId }, grant }: Pick<PlayOptions, 'room' | 'grant'>,
): (path: string) => string {
  const base = `${liveBase(page, config)}/live/replay/${roomId}`;
  const query = grant ? `?${playQuery({ roomId, ...grant })}` : '';
  return (path) => new URL(`${base}${path}${query}`).href;
}

function restFile(recording: Recording, address: (path: string) => string): RecordedRoom['files'] {
  const { format, state, startedAtMs, durationMs, bytes } = recording;
  const word = state in stateWords ? stateWords[state as keyof typeof stateWords] : undefined;
  if (word === undefined || (format !== 'mp4' && format !== 'flv')) return [];
  const url = address(`/${startedAtMs}.${format}`);
  const numbers = {
    startedAtMs: Number(startedAtMs),
    durationMs: Number(durationMs),
    bytes: Number(bytes),
  };
  return [{ url, format, state: word, ...numbers }];
}

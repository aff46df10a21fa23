import { CodedError } from '@gala/lib/error';
import { edgeErrors } from '@gala/protocol/errors';
import { parseId, roomIdMax } from '@gala/protocol/ids';
import type { RecordingFormat } from '../record/recording.ts';

/** What a URL below `/live/replay/` asks for. */
export interface ReplayTarget {
  readonly roomId: number;
  /** `<roomId>.m3u8` asks for all parts in one playlist, `<roomId>/<startedAtMs>.mp4` or `.flv` for a file. */
  readonly file: { readonly startedAtMs: number; readonly format: RecordingFormat } | undefined;
  readonly query: URLSearchParams;
}

const prefix = '/live/replay/';
const replayPath = /^\/live\/replay\/([0-9]{1,16})(?:\.m3u8|\/([1-9][0-9]{0,15})\.(mp4|flv))$/;

/** True for the URLs below `/live` that are of replays, right or wrong. */
export function isReplayUrl(url: string): boolean {
  return url.startsWith(prefix);
}

/** @throws CodedError REPLAY_UNKNOWN for a path that is none */
export function parseReplayUrl(url: string): ReplayTarget {
  const [path] = url.split('?', 1);
  const [, room, startedAtMs, format] = replayPath.exec(path) ?? [];
  const roomId = room === undefined ? undefined : parseId(room, roomIdMax);
  if (roomId === undefined) throw new CodedError(edgeErrors, 'REPLAY_UNKNOWN');
  const query = new URLSearchParams(url.slice(path.length + 1));
  if (startedAtMs === undefined) return { roomId, file: undefined, query };
  return { roomId, file: { startedAtMs: Number(startedAtMs), format: format as RecordingFormat }, query };
}

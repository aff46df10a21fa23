export type RecordingFormat = 'mp4' | 'flv';
export type RecordingState = 'recording' | 'done' | 'failed' | 'removed';

/** Why a part of a recording ended. */
export type RecordingEnd =
  | 'ended'
  | 'held'
  | 'taken_over'
  | 'set_up_changed'
  | 'switched_off'
  /** Its process died. */
  | 'lost'
  | 'disk_full'
  | 'disk_nearly_full'
  | 'budget'
  | 'write_failed';

/** A part of a room's recording: another begins with another publisher and with other set-up of the codecs. */
export interface PartName {
  readonly roomId: number;
  /** Unix ms of its first picture; unique within its room. */
  readonly startedAtMs: number;
}

export interface PartFile {
  readonly format: RecordingFormat;
  readonly bytes: number;
}

/** A part that has ended, as it lies beside its files. */
export interface FinishedPart extends PartName {
  readonly durationMs: number;
  readonly state: 'done' | 'failed';
  readonly reason: RecordingEnd;
  readonly files: readonly PartFile[];
}

/** What the room service is told of one file. */
export interface RecordingReport extends PartName, PartFile {
  readonly durationMs: number;
  readonly state: RecordingState;
  readonly reason: RecordingEnd | '';
}

const keyPattern = /^([1-9][0-9]{0,15})\/([1-9][0-9]{0,15})\.(mp4|flv|json)$/;

/** Key of a file of a part; `json` says what became of it. */
export function keyOf({ roomId, startedAtMs }: PartName, extension: RecordingFormat | 'json'): string {
  return `${roomId}/${startedAtMs}.${extension}`;
}

export interface ParsedKey {
  readonly part: PartName;
  readonly extension: RecordingFormat | 'json';
}

export function parseKey(key: string): ParsedKey | undefined {
  const match = keyPattern.exec(key);
  if (!match) return undefined;
  const part = { roomId: Number(match[1]), startedAtMs: Number(match[2]) };
  return { part, extension: match[3] as ParsedKey['extension'] };
}

export function reportsOf(
  { files, ...part }: FinishedPart,
  state: RecordingState = part.state,
): RecordingReport[] {
  return files.map((file) => ({ ...part, ...file, state }));
}

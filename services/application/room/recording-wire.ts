import { CodedError } from '@gala/lib/error';
import { commonErrors } from '@gala/protocol/errors';
import * as wire from '@gala/protocol/room';
import type { Recording, RecordingState } from './recordings.ts';

/** What an edge may call its folder: one segment of a path. */
const folderPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

const states: Readonly<Record<wire.RecordingState, RecordingState | undefined>> = {
  [wire.RecordingState.UNSPECIFIED]: undefined,
  [wire.RecordingState.RECORDING]: 'recording',
  [wire.RecordingState.DONE]: 'done',
  [wire.RecordingState.FAILED]: 'failed',
  [wire.RecordingState.REMOVED]: 'removed',
};
const wireStates: Readonly<Record<RecordingState, wire.RecordingState>> = {
  recording: wire.RecordingState.RECORDING,
  done: wire.RecordingState.DONE,
  failed: wire.RecordingState.FAILED,
  removing: wire.RecordingState.REMOVED,
  removed: wire.RecordingState.REMOVED,
};

export function wireRecording(recording: Recording) {
  return {
    ...recording,
    roomId: BigInt(recording.roomId),
    startedAtMs: BigInt(recording.startedAtMs),
    durationMs: BigInt(recording.durationMs),
    bytes: BigInt(recording.bytes),
    state: wireStates[recording.state],
  };
}

/** Errors: INVALID_REQUEST */
export function recordingOf(message: wire.Recording): Recording {
  const { format, folder, reason } = message;
  const state = states[message.state];
  if (state === undefined) throw invalid('state');
  if (format !== 'mp4' && format !== 'flv') throw invalid('format');
  if (!folderPattern.test(folder)) throw invalid('folder');
  if (!/^\w{0,64}$/.test(reason)) throw invalid('reason');
  return {
    roomId: numberOf(message.roomId),
    startedAtMs: numberOf(message.startedAtMs),
    durationMs: numberOf(message.durationMs),
    bytes: numberOf(message.bytes),
    format,
    folder,
    state,
    reason,
  };
}

function numberOf(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('number');
  return Number(value);
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

import { CodedError } from '@gala/lib/error';
import { commonErrors, interactionErrors } from '@gala/protocol/errors';
import { roomIdMax } from '@gala/protocol/ids';
import type * as wire from '@gala/protocol/interaction';
import { roomRoles, signalClasses, type ClientSignal } from '@gala/protocol/signals';
import type { Submission } from './sayings.ts';
import type { Attendance, Draft, Speaker } from './types.ts';

const draftBytesMax = 16 * 1024;
const typePattern = /^[a-z]{1,16}$/;
const noSpeaker: Speaker = { userId: 0, name: '', role: 'viewer', device: '', address: '' };

export function roomIdOf(value: bigint): number {
  const roomId = Number(value);
  if (roomId < 1 || roomId > roomIdMax) throw invalid('room_id');
  return roomId;
}

export function nodeOf(node: string): string {
  if (!/^[\w.:-]{1,128}$/.test(node)) throw invalid('node');
  return node;
}

/** A signal that a service says. Errors: SIGNAL_INVALID. */
export function draftOf(bytes: Uint8Array): Draft {
  if (bytes.length > draftBytesMax) throw new CodedError(interactionErrors, 'SIGNAL_INVALID');
  const said = jsonOf(bytes) as Partial<Draft & { offset: number; atMs: number }> | undefined;
  const isSignal =
    said &&
    signalClasses.includes(said.class!) &&
    typeof said.type === 'string' &&
    typePattern.test(said.type);
  if (!isSignal) throw new CodedError(interactionErrors, 'SIGNAL_INVALID');
  const { offset: _offset, atMs: _atMs, signalId = '', ...rest } = said;
  if (typeof signalId !== 'string') throw new CodedError(interactionErrors, 'SIGNAL_INVALID');
  return { ...rest, signalId } as Draft;
}

/** Any JSON; undefined for what is none. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

export function submissionOf({ roomId, speaker, connection, clientId, signal }: wire.Submission): Submission {
  const said = jsonOf(signal);
  return {
    roomId: Number(roomId),
    speaker: speaker ? speakerOf(speaker) : noSpeaker,
    connection: Number(connection),
    clientId,
    signal: isClientSignal(said) ? said : undefined,
  };
}

/** The node has checked the message already; what is wrong here is a fault of its version. */
function isClientSignal(said: unknown): said is ClientSignal {
  const signal = said as Partial<Record<'type' | 'text' | 'count' | 'signalId', unknown>> | null | undefined;
  if (signal?.type === 'comment') return typeof signal.text === 'string';
  if (signal?.type === 'like') return Number.isSafeInteger(signal.count);
  return signal?.type === 'retract' && typeof signal.signalId === 'string';
}

export function attendanceOf({
  connections,
  joined,
  leftConnections,
  whole,
}: wire.PresenceReport): Attendance {
  return {
    connections,
    joined: joined.map(({ connection, speaker }) => ({
      connection: Number(connection),
      speaker: speaker ? speakerOf(speaker) : noSpeaker,
    })),
    left: leftConnections.map(Number),
    isWhole: whole,
  };
}

function speakerOf({ userId, name, role, device, address }: wire.Speaker): Speaker {
  return {
    userId: Number(userId),
    name,
    role: roomRoles.find((each) => each === role) ?? 'viewer',
    device,
    address,
  };
}

export function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}

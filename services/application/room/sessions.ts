import { CodedError } from '@gala/lib/error';
import { roomErrors } from '@gala/protocol/errors';
import { composeRoomId, sessionCount } from '@gala/protocol/ids';
import type { Transaction } from './store/connection.ts';
import type { Host } from './room.ts';
import { saveHost } from './store/hosts.ts';
import { findRoom } from './store/rooms.ts';

const hourMs = 3_600_000;

export interface SessionLimits {
  readonly beginsPerHourMax: number;
  readonly nowMs: number;
}

/**
 * Takes the next session of a locked host. Sessions are numbered without gaps, so the rate is checked
 * by the age of one room.
 * @throws CodedError SESSIONS_EXHAUSTED, TOO_MANY_ROOMS
 */
export async function takeSession(client: Transaction, host: Host, limits: SessionLimits): Promise<number> {
  const session = host.sessionCount + 1;
  if (session >= sessionCount) throw new CodedError(roomErrors, 'SESSIONS_EXHAUSTED');
  const oldestCounted = session - limits.beginsPerHourMax;
  if (oldestCounted >= 1) await checkRate(client, composeRoomId(host.hostId, oldestCounted), limits.nowMs);
  await saveHost(client, { ...host, sessionCount: session });
  return session;
}

async function checkRate(client: Transaction, oldestCountedId: number, nowMs: number): Promise<void> {
  const oldest = await findRoom(client, oldestCountedId);
  const waitMs = oldest ? oldest.createdAtMs + hourMs - nowMs : 0;
  if (waitMs <= 0) return;
  throw new CodedError(roomErrors, 'TOO_MANY_ROOMS', { retryAfterSeconds: Math.ceil(waitMs / 1000) });
}

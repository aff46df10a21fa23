import type { EnterAnswer } from '@gala/protocol/rest';
import { ApiError, type ApiErrorCode, type RoomClient } from '@gala/sdk/room';
import { FeedError, StreamFeed } from './feed.ts';
import { latencyProfiles } from './latency.ts';
import type { FailureCause } from './state.ts';
import { canPlayFlv, choosePlayUrls, type PlayPreference } from './support.ts';

export type ConnectResult =
  | { readonly kind: 'open'; readonly feed: StreamFeed }
  | { readonly kind: 'closed'; readonly cause: FailureCause };

/** One try to watch a room: the answer of `enter` as soon as it is there, then the open stream or the cause. */
export interface ConnectTry {
  /** Undefined when the call failed. */
  readonly entered: Promise<EnterAnswer | undefined>;
  readonly result: Promise<ConnectResult>;
}

export interface ConnectOptions {
  readonly client: RoomClient;
  /** Room id or `@name`. */
  readonly roomRef: string;
  readonly preference: PlayPreference;
}

export function connect(options: ConnectOptions): ConnectTry {
  const call = options.client.enterRoom({ roomRef: options.roomRef }, { timeoutMs: 6_000 });
  return {
    entered: call.catch(() => undefined),
    result: call.then(
      (answer) => openStream(answer, options),
      (error: unknown) => closed(causeOfCall(error, options.roomRef)),
    ),
  };
}

async function openStream(answer: EnterAnswer, options: ConnectOptions): Promise<ConnectResult> {
  const { preference, roomRef } = options;
  if (answer.room.state === 'ended') return closed(roomRef.startsWith('@') ? 'not-on-air' : 'room-ended');
  if (answer.room.state === 'created' || answer.play.length === 0) return closed('not-on-air');
  if (!canPlayFlv()) return closed('browser-unable');
  let cause: FailureCause = 'network-lost';
  for (const { protocol, url } of choosePlayUrls(answer.play, preference, location.protocol)) {
    const feed = new StreamFeed({
      protocol,
      url,
      startSeconds: latencyProfiles[preference.latency].startSeconds,
    });
    try {
      await feed.opened;
      return { kind: 'open', feed };
    } catch (error) {
      cause = causeOfFeed(error);
    }
  }
  return closed(cause);
}

function closed(cause: FailureCause): ConnectResult {
  return { kind: 'closed', cause };
}

const causesOfCodes: Partial<Record<ApiErrorCode, FailureCause>> = {
  ROOM_UNKNOWN: 'room-unknown',
  HOST_UNKNOWN: 'host-unknown',
  NOT_FOUND: 'room-unknown',
  INVALID_REQUEST: 'room-unknown',
  ROOM_ENDED: 'room-ended',
  ROOM_PRIVATE: 'room-private',
  FORBIDDEN: 'room-private',
  PLAY_SIGNATURE_WRONG: 'room-private',
  STREAM_UNKNOWN: 'not-on-air',
  TOO_MANY_VIEWERS: 'edge-full',
  RATE_LIMITED: 'rate-limited',
  NETWORK_LOST: 'network-lost',
  TIMEOUT: 'network-lost',
};

/** Under a host's name an unknown or ended room means that the host has none at present. */
export function causeOfCall(error: unknown, roomRef: string): FailureCause {
  const code = error instanceof ApiError ? error.code : undefined;
  if (roomRef.startsWith('@') && (code === 'ROOM_UNKNOWN' || code === 'ROOM_ENDED')) return 'not-on-air';
  return (code && causesOfCodes[code]) ?? 'server-trouble';
}

export function causeOfFeed(error: unknown): FailureCause {
  const code = error instanceof FeedError ? error.code : undefined;
  return causesOfCodes[code as ApiErrorCode] ?? 'network-lost';
}

import type { EnterAnswer } from '@gala/protocol/rest';
import { ApiError, type ApiErrorCode, type RoomClient } from '@gala/sdk/room';
import type { MissingCodec } from './codecs.ts';
import type { FallBack } from './fall-back.ts';
import { FeedError, StreamFeed } from './feed.ts';
import { latencyProfiles } from './latency.ts';
import type { FailureCause } from './state.ts';
import { detectBrowser, planWays, type PlayPreference, type Way } from './support.ts';

/** A way that is open, or that its player opens by itself. */
export interface OpenStream {
  readonly way: Way;
  /** Of FLV ways: connected, with the first bytes. */
  readonly feed: StreamFeed | undefined;
}

export type ConnectResult =
  | { readonly kind: 'open'; readonly stream: OpenStream }
  | {
      readonly kind: 'closed';
      readonly cause: FailureCause;
      /** Of the cause `codec-missing`. */
      readonly missing: readonly MissingCodec[];
    };

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
  /** Remembers what failed from one try to the next. */
  readonly fallBack: FallBack;
}

export function connect(options: ConnectOptions): ConnectTry {
  const call = options.client.enterRoom({ roomRef: options.roomRef }, { timeoutMs: 6_000 });
  return {
    entered: call.catch(() => undefined),
    result: call.then(
      (answer) => openRoom(answer, options),
      (error: unknown) => closed(causeOfCall(error, options.roomRef)),
    ),
  };
}

async function openRoom(answer: EnterAnswer, options: ConnectOptions): Promise<ConnectResult> {
  const { preference, roomRef } = options;
  if (answer.room.state === 'ended') return closed(roomRef.startsWith('@') ? 'not-on-air' : 'room-ended');
  if (answer.room.state === 'created' || answer.play.length === 0) return closed('not-on-air');
  const { ways, missing } = planWays(answer.play, preference, detectBrowser());
  if (ways.length > 0) return openFirst(ways, options);
  return missing.length > 0 ? closed('codec-missing', missing) : closed('browser-unable');
}

/** Goes down the ways of this round until one is open. */
async function openFirst(
  ways: readonly Way[],
  { fallBack, preference }: ConnectOptions,
): Promise<ConnectResult> {
  for (;;) {
    const way = fallBack.next(ways, performance.now());
    if (!way) return closed(fallBack.isUndecodable ? 'media-broken' : 'edge-unreachable');
    try {
      return { kind: 'open', stream: await openWay(way, preference) };
    } catch (error) {
      if (error instanceof FeedError && error.code !== undefined) {
        fallBack.forgive();
        return closed(causeOfFeed(error));
      }
    }
    fallBack.fail(way.protocol, 'unreachable', performance.now());
  }
}

/** Rejects when an FLV way cannot be opened: with a FeedError, or what the browser throws for its address. */
export async function openWay(way: Way, preference: PlayPreference): Promise<OpenStream> {
  const { protocol, url } = way;
  if (protocol === 'll-hls') return { way, feed: undefined };
  const { startSeconds } = latencyProfiles[preference.latency];
  const feed = new StreamFeed({ protocol, url, startSeconds });
  await feed.opened;
  return { way, feed };
}

export function closeStream(stream: OpenStream): void {
  stream.feed?.close();
}

function closed(cause: FailureCause, missing: readonly MissingCodec[] = []): ConnectResult {
  return { kind: 'closed', cause, missing };
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

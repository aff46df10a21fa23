import type { EnterAnswer, Host, Room } from '@gala/protocol/rest';
import type { MissingCodec } from './codecs.ts';
import type { WayFailure } from './fall-back.ts';
import type { DeckIndex } from './stage.ts';
import { renditionsOf, type Protocol } from './support.ts';

/** Why there is no picture; each has its own words and its own next step. */
export const failureCauses = [
  'room-unknown',
  'host-unknown',
  'not-on-air',
  'room-ended',
  'room-private',
  'edge-full',
  'network-lost',
  'edge-unreachable',
  'rate-limited',
  'server-trouble',
  'media-broken',
  'browser-unable',
  'codec-missing',
] as const;
export type FailureCause = (typeof failureCauses)[number];

export type PlayerPhase =
  | 'connecting'
  | 'playing'
  /** The host's connection was lost: the last picture stands until the host is back. */
  | 'held'
  | 'reconnecting'
  /** The room or host is there, but not on air: the page waits. */
  | 'offline'
  | 'ended'
  | 'failed';

export interface PlayerState {
  readonly phase: PlayerPhase;
  readonly cause: FailureCause | undefined;
  /** Tries since the last picture. */
  readonly attempt: number;
  readonly room: Room | undefined;
  readonly host: Host | undefined;
  /** A frame of the present connection has been shown. */
  readonly framed: boolean;
  /** Some picture is on the screen: of this connection, or the last one of the one before. */
  readonly pictured: boolean;
  /** The video element that shows it. */
  readonly front: DeckIndex;
  /** The way of the picture. */
  readonly way: Protocol | undefined;
  /** The way that is being tried because others have failed. */
  readonly trying: Protocol | undefined;
  readonly failures: readonly WayFailure[];
  /** Of the cause `codec-missing`. */
  readonly missing: readonly MissingCodec[];
  /** Renditions to choose from beside the source. */
  readonly renditions: readonly string[];
  /** The viewer has chosen something else to watch while the picture goes on. */
  readonly change: 'none' | 'pending' | 'failed';
}

export type PlayerEvent =
  | { readonly type: 'connect' }
  | { readonly type: 'entered'; readonly answer: EnterAnswer }
  | {
      readonly type: 'ways';
      readonly trying: Protocol | undefined;
      readonly failures: readonly WayFailure[];
    }
  | { readonly type: 'frame'; readonly front: DeckIndex; readonly way: Protocol }
  | { readonly type: 'room'; readonly room: Room }
  | { readonly type: 'change'; readonly change: PlayerState['change'] }
  | {
      readonly type: 'closed';
      readonly cause: FailureCause;
      readonly missing?: readonly MissingCodec[];
    };

export const initialState: PlayerState = {
  phase: 'connecting',
  cause: undefined,
  attempt: 0,
  room: undefined,
  host: undefined,
  framed: false,
  pictured: false,
  front: 0,
  way: undefined,
  trying: undefined,
  failures: [],
  missing: [],
  renditions: [],
  change: 'none',
};

/** Causes that no further try of this page can change. */
const finalCauses: ReadonlySet<FailureCause> = new Set([
  'room-unknown',
  'host-unknown',
  'room-private',
  'room-ended',
  'browser-unable',
  'codec-missing',
]);

export function isFinal(cause: FailureCause): boolean {
  return finalCauses.has(cause);
}

/** The player as a pure function: every event in every phase. */
export function reducePlayer(state: PlayerState, event: PlayerEvent): PlayerState {
  switch (event.type) {
    case 'connect':
      return { ...state, attempt: state.attempt + 1, framed: false, phase: phaseOfTry(state) };
    case 'entered':
      return enter(state, event.answer);
    case 'ways':
      return {
        ...state,
        trying: event.failures.length > 0 ? event.trying : undefined,
        failures: event.failures,
      };
    case 'frame':
      return takePicture(state, event.front, event.way);
    case 'room':
      return takeRoom({ ...state, room: event.room });
    case 'change':
      return { ...state, change: event.change };
    default:
      return close({ ...state, missing: event.missing ?? [] }, causeToShow(state, event.cause));
  }
}

function enter(state: PlayerState, { room, host, play }: EnterAnswer): PlayerState {
  return { ...state, room, host, renditions: renditionsOf(play) };
}

function takePicture(state: PlayerState, front: DeckIndex, way: Protocol): PlayerState {
  return {
    ...state,
    attempt: 0,
    cause: undefined,
    framed: true,
    pictured: true,
    front,
    way,
    trying: undefined,
    change: 'none',
    phase: phaseOfPicture(state.room),
  };
}

/** Who saw the end of a broadcast goes on reading that it has ended while the page waits for the next. */
function causeToShow(state: PlayerState, cause: FailureCause): FailureCause {
  return cause === 'not-on-air' && state.phase === 'ended' ? 'room-ended' : cause;
}

function close(state: PlayerState, cause: FailureCause): PlayerState {
  const phase = phaseOfCause(cause);
  const pictured = state.pictured && phase === 'reconnecting';
  return { ...state, cause, framed: false, pictured, change: 'none', phase };
}

/** A retry keeps saying why it is needed; a first try has nothing to explain. */
function phaseOfTry(state: PlayerState): PlayerPhase {
  return state.cause === undefined ? 'connecting' : phaseOfCause(state.cause);
}

function phaseOfCause(cause: FailureCause): PlayerPhase {
  if (cause === 'room-ended') return 'ended';
  if (cause === 'not-on-air') return 'offline';
  return isFinal(cause) ? 'failed' : 'reconnecting';
}

function phaseOfPicture(room: Room | undefined): PlayerPhase {
  return room?.state === 'hold' ? 'held' : 'playing';
}

function takeRoom(state: PlayerState): PlayerState {
  if (state.room?.state === 'ended' && state.phase !== 'failed') {
    return close(state, 'room-ended');
  }
  return state.framed ? { ...state, phase: phaseOfPicture(state.room) } : state;
}

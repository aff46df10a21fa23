/**
 * The life of a room as a table: event × state → what follows (room-access.md, "Who feeds back").
 * Pure: the stores apply what it says, and every transition is guarded by the epoch that it was made for.
 */
export const roomStates = ['created', 'live', 'hold', 'ended'] as const;
export type RoomState = (typeof roomStates)[number];

export const roomEvents = [
  /** A publisher was admitted with a new epoch. */
  'admitted',
  /** Edge: the first key frame arrived, or the publisher is back within the hold. */
  'started',
  /** Edge: the publisher went; the picture is held. */
  'held',
  /** Edge: the stream is given up. */
  'stopped',
  /** Edge: the publisher broke off by an error. */
  'failed',
  /** Edge: a newer publisher sits on the same edge. */
  'takenOver',
  /** A heart-beat of the owning edge carries the stream. */
  'carried',
  /** A heart-beat of the owning edge holds the stream. */
  'carriedHeld',
  /** A heart-beat of the owning edge does not name the room. */
  'missing',
  /** The owning edge is no longer a member. */
  'edgeLost',
  /** The host or an operator ends the room. */
  'endAsked',
  /** The time-out of the state passed. */
  'timedOut',
] as const;
export type RoomEvent = (typeof roomEvents)[number];

export interface Transition {
  readonly to: RoomState;
  /** What the edge that reported it must do. */
  readonly order: 'goOn' | 'stop';
  /** Why a room ended, unless the report says it. */
  readonly endReason?: string;
}

const stay = (to: RoomState): Transition => ({ to, order: 'goOn' });
const refuse = (to: RoomState): Transition => ({ to, order: 'stop' });
const end = (endReason: string): Transition => ({ to: 'ended', order: 'stop', endReason });

const live = stay('live');
const hold = stay('hold');

const table: Readonly<Record<RoomState, Readonly<Record<RoomEvent, Transition>>>> = {
  // No publisher was admitted yet, so whatever an edge reports of the room is not ours.
  created: {
    admitted: live,
    started: refuse('created'),
    held: refuse('created'),
    stopped: refuse('created'),
    failed: refuse('created'),
    takenOver: refuse('created'),
    carried: refuse('created'),
    carriedHeld: refuse('created'),
    missing: stay('created'),
    edgeLost: stay('created'),
    endAsked: end('asked'),
    timedOut: end('never_began'),
  },
  live: {
    admitted: live,
    started: live,
    held: hold,
    stopped: end('stopped'),
    failed: hold,
    takenOver: live,
    carried: live,
    carriedHeld: hold,
    missing: hold,
    edgeLost: hold,
    endAsked: end('asked'),
    timedOut: hold,
  },
  hold: {
    admitted: live,
    started: live,
    held: hold,
    stopped: end('stopped'),
    failed: hold,
    takenOver: hold,
    carried: live,
    carriedHeld: hold,
    missing: hold,
    edgeLost: hold,
    endAsked: end('asked'),
    timedOut: end('hold_expired'),
  },
  ended: {
    admitted: refuse('ended'),
    started: refuse('ended'),
    held: refuse('ended'),
    stopped: refuse('ended'),
    failed: refuse('ended'),
    takenOver: refuse('ended'),
    carried: refuse('ended'),
    carriedHeld: refuse('ended'),
    missing: refuse('ended'),
    edgeLost: refuse('ended'),
    endAsked: refuse('ended'),
    timedOut: refuse('ended'),
  },
};

/** What follows from `event` in a room that is in `state`; the same answer however often it is asked. */
export function decide(state: RoomState, event: RoomEvent): Transition {
  return table[state][event];
}

export interface StateLimits {
  /** From its making until a room that never began is ended. */
  readonly scheduleMsMax: number;
  /** From its last sign of life until a live room is held. */
  readonly silentMsMax: number;
  readonly holdMs: number;
}

/** How long a room may stay in a state before `timedOut` happens to it. */
export function timeoutMs(state: RoomState, limits: StateLimits): number {
  const byState = { created: limits.scheduleMsMax, live: limits.silentMsMax, hold: limits.holdMs };
  return state === 'ended' ? Infinity : byState[state];
}

/** Where a publisher's word stands against the room's row. */
export interface Fencing {
  readonly epoch: number;
  readonly edgeId: string;
  readonly reportSequence: number;
}

/**
 * `stale`: an older publisher, or another edge, speaks. `repeated`: this report, or a later one of the
 * epoch, was applied before.
 */
export function standing(row: Fencing, report: Fencing): 'current' | 'repeated' | 'stale' {
  if (report.epoch !== row.epoch || report.edgeId !== row.edgeId) return 'stale';
  return report.reportSequence <= row.reportSequence ? 'repeated' : 'current';
}

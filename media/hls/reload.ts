import { mediaSequenceOf, type HlsState } from './state.ts';

/** Delivery directives of a playlist request (RFC 8216bis, 6.2.5). */
export interface ReloadRequest {
  /** `_HLS_msn`. */
  readonly sequence?: number;
  /** `_HLS_part`. */
  readonly part?: number;
  /** `_HLS_skip`: a delta update will do. */
  readonly skip?: boolean;
}

/**
 * `ready`: answer with the playlist; `wait`: with the one that will hold what is asked for; `gone`: that has left
 * the window, answer with the present playlist; `bad`: 400, it lies too far ahead or makes no sense.
 */
export type ReloadAnswer = 'ready' | 'wait' | 'gone' | 'bad';

/** Segments ahead that may be asked for. */
const SEGMENTS_AHEAD_MAX = 2;
const PARTS_AHEAD = 3;
const TARGETS_WAITED_MAX = 3;
const NUMBER = /^\d{1,15}$/;

/** Reads the directives; `bad` for numbers that are none, and for a part without its segment. */
export function parseReload(query: URLSearchParams): ReloadRequest | 'bad' {
  const sequence = query.get('_HLS_msn');
  const part = query.get('_HLS_part');
  const skip = query.get('_HLS_skip');
  if ([sequence, part].some((value) => value !== null && !NUMBER.test(value))) return 'bad';
  if (part !== null && sequence === null) return 'bad';
  return {
    ...(sequence === null ? {} : { sequence: Number(sequence) }),
    ...(part === null ? {} : { part: Number(part) }),
    skip: skip === 'YES' || skip === 'v2',
  };
}

/** Decides what to do with a playlist request, given what there is now. */
export function resolveReload(request: ReloadRequest, state: HlsState): ReloadAnswer {
  const { sequence, part } = request;
  if (sequence === undefined) return part === undefined ? 'ready' : 'bad';
  if (state.ended) return 'ready';
  if (sequence < mediaSequenceOf(state)) return 'gone';
  const last = state.open ? state.open.sequence : state.nextSequence - 1;
  if (sequence > last + SEGMENTS_AHEAD_MAX) return 'bad';
  // Without parts the directive for one means nothing, and the whole segment is waited for.
  if (part === undefined || state.partTargetMs === 0) return sequence < state.nextSequence ? 'ready' : 'wait';
  return resolvePart(sequence, part, state);
}

function resolvePart(sequence: number, part: number, state: HlsState): ReloadAnswer {
  if (sequence < state.nextSequence) {
    const parts = state.segments.find((segment) => segment.sequence === sequence)?.parts.length ?? 0;
    // A part beyond the last of a whole segment means the first of the next one.
    return part < parts || sequence + 1 < state.nextSequence ? 'ready' : resolvePart(sequence + 1, 0, state);
  }
  const parts = sequence === state.nextSequence ? (state.open?.parts.length ?? 0) : 0;
  if (part < parts) return 'ready';
  return part - (parts - 1) > partsAheadMax(state) ? 'bad' : 'wait';
}

/** The Advance Part Limit. */
function partsAheadMax({ partTargetMs }: HlsState): number {
  return partTargetMs < 1000 ? Math.ceil((PARTS_AHEAD * 1000) / partTargetMs) : PARTS_AHEAD;
}

/** After this time a blocked request is answered with 503 (RFC 8216bis, 6.2.5.2). */
export function reloadTimeLimitMs({ targetDurationSeconds }: HlsState): number {
  return TARGETS_WAITED_MAX * targetDurationSeconds * 1000;
}

import { durationOf, type HlsPart, type HlsSegment, type HlsState } from './state.ts';

export interface TimelineOptions {
  readonly segmentMs: number;
  /** Time that the playlist reaches back (DVR); at least three target durations are kept. */
  readonly windowMs: number;
  /** Bytes that it lists at most, with the same exception. */
  readonly windowBytesMax: number;
}

/** What is known of a part when it is complete. */
export interface NewPart {
  readonly durationMs: number;
  /** True if it holds a key frame. */
  readonly independent: boolean;
  readonly sizeBytes: number;
  /** True if it begins with a key frame: a segment that does so too can be decoded by itself. */
  readonly keyFrameFirst: boolean;
  /** Unix ms at its start, used when it opens a segment. */
  readonly wallMs: number;
}

/** Whole target durations that a live playlist must span (RFC 8216bis, 6.2.2). */
const TARGETS_KEPT_MIN = 3;

/** The state of a stream that begins. */
export function initialState({ segmentMs }: Pick<TimelineOptions, 'segmentMs'>): HlsState {
  return {
    targetDurationSeconds: Math.max(1, Math.round(segmentMs / 1000)),
    partTargetMs: 0,
    discontinuitySequence: 0,
    segments: [],
    open: undefined,
    nextSequence: 0,
    nextPart: 0,
    initId: 0,
    discontinuityPending: false,
    removed: [],
    ended: false,
  };
}

/**
 * Keeps the segments of one rendition: numbers that only rise, the window that is listed, and what stays fetchable
 * after it has left the window. It knows no bytes; whoever holds them lets go of what `expire` gives.
 */
export class HlsTimeline {
  readonly #options: TimelineOptions;
  #windowBytesMax: number;
  #state: HlsState;
  /** Times the target duration had to grow, which players do not expect, for the counters. */
  targetGrowths = 0;

  /** @param state of an earlier timeline; its numbers are continued */
  constructor(options: TimelineOptions, state: HlsState = initialState(options)) {
    this.#options = options;
    this.#windowBytesMax = options.windowBytesMax;
    this.#state = state;
  }

  /** A snapshot: it is replaced, never changed. */
  get state(): HlsState {
    return this.#state;
  }

  /** Another bound for what is listed; it is kept from the next segment on. */
  set windowBytesMax(bytes: number) {
    this.#windowBytesMax = bytes;
  }

  /** Goes on after a restart in which the bytes of all segments were lost. */
  static resume(options: TimelineOptions, state: HlsState): HlsTimeline {
    const all = state.open ? [...state.segments, state.open] : state.segments;
    const isPending = state.discontinuityPending || all.length > 0;
    return new HlsTimeline(options, {
      ...state,
      discontinuitySequence: state.discontinuitySequence + discontinuities(all),
      segments: [],
      open: undefined,
      nextSequence: state.open ? state.open.sequence + 1 : state.nextSequence,
      // The part that was asked for in advance never came; its name stays unused.
      nextPart: state.nextPart + 1,
      initId: state.initId + 1,
      discontinuityPending: isPending,
      removed: [],
      ended: false,
    });
  }

  /** Sets `PART-TARGET` before the first part; it may only grow later. */
  setPartTarget(partTargetMs: number): void {
    const known = this.#state.partTargetMs;
    if (known > 0 && partTargetMs > known) this.targetGrowths += 1;
    this.#update({ partTargetMs: Math.max(partTargetMs, known) });
  }

  /** Adds a part to the open segment, or opens one with it. */
  addPart({ wallMs, keyFrameFirst, ...fields }: NewPart): HlsPart {
    const { nextPart, nextSequence, initId, discontinuityPending, partTargetMs } = this.#state;
    const part: HlsPart = { number: nextPart, ...fields };
    const open: HlsSegment = this.#state.open ?? {
      sequence: nextSequence,
      discontinuity: discontinuityPending,
      initId,
      wallMs,
      independent: keyFrameFirst,
      parts: [],
      durationMs: 0,
      sizeBytes: 0,
    };
    this.#update({
      open: {
        ...open,
        parts: [...open.parts, part],
        durationMs: open.durationMs + part.durationMs,
        sizeBytes: open.sizeBytes + part.sizeBytes,
      },
      nextPart: nextPart + 1,
      discontinuityPending: false,
    });
    if (partTargetMs > 0 && part.durationMs > partTargetMs) this.#growPartTarget(part.durationMs);
    return part;
  }

  /** Completes the open segment and moves the window on; undefined if none is open. */
  endSegment(nowMs: number): HlsSegment | undefined {
    const segment = this.#state.open;
    if (segment === undefined) return undefined;
    this.#growTarget(segment.durationMs);
    this.#update({
      segments: [...this.#state.segments, segment],
      open: undefined,
      nextSequence: segment.sequence + 1,
    });
    this.#trim(nowMs);
    return segment;
  }

  /** What comes next does not continue what was: another publisher, other set-up. Gives the id of its init segment. */
  discontinue(nowMs: number): number {
    this.endSegment(nowMs);
    const { segments, initId, nextPart, discontinuityPending } = this.#state;
    this.#update({
      initId: initId + 1,
      // Whoever waits for the announced part must not get one that needs another init segment.
      nextPart: nextPart + 1,
      discontinuityPending: discontinuityPending || segments.length > 0,
    });
    return this.#state.initId;
  }

  /** The stream is over: the playlist gets its end tag. */
  end(nowMs: number): void {
    this.endSegment(nowMs);
    this.#update({ ended: true });
  }

  /** Takes out and gives the removed segments whose time to be fetched is over. */
  expire(nowMs: number): HlsSegment[] {
    const expired = this.#state.removed.filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
    if (expired.length === 0) return [];
    this.#update({ removed: this.#state.removed.filter(({ expiresAtMs }) => expiresAtMs > nowMs) });
    return expired.map(({ segment }) => segment);
  }

  #growTarget(durationMs: number): void {
    const seconds = Math.round(durationMs / 1000);
    if (seconds <= this.#state.targetDurationSeconds) return;
    if (this.#state.segments.length > 0) this.targetGrowths += 1;
    this.#update({ targetDurationSeconds: seconds });
  }

  #growPartTarget(durationMs: number): void {
    this.targetGrowths += 1;
    this.#update({ partTargetMs: Math.ceil(durationMs) });
  }

  #trim(nowMs: number): void {
    const { segments, removed, discontinuitySequence } = this.#state;
    const totalMs = durationOf(segments);
    const count = this.#leavingCount(totalMs);
    if (count === 0) return;
    const gone = segments.slice(0, count);
    // A segment stays for its duration and that of the longest playlist that listed it (RFC 8216bis, 6.2.2).
    const leaving = gone.map((segment) => ({ segment, expiresAtMs: nowMs + segment.durationMs + totalMs }));
    this.#update({
      segments: segments.slice(count),
      removed: [...removed, ...leaving],
      discontinuitySequence: discontinuitySequence + discontinuities(gone),
    });
  }

  /** How many of the oldest segments the window does not need any more. */
  #leavingCount(totalMs: number): number {
    const { segments, targetDurationSeconds } = this.#state;
    const leastMs = TARGETS_KEPT_MIN * targetDurationSeconds * 1000;
    let leftMs = totalMs;
    let leftBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    let count = 0;
    for (const { durationMs, sizeBytes } of segments) {
      const isOver = leftBytes > this.#windowBytesMax;
      if (leftMs - durationMs < (isOver ? leastMs : Math.max(leastMs, this.#options.windowMs))) break;
      leftMs -= durationMs;
      leftBytes -= sizeBytes;
      count += 1;
    }
    return count;
  }

  #update(change: Partial<HlsState>): void {
    this.#state = { ...this.#state, ...change };
  }
}

function discontinuities(segments: readonly HlsSegment[]): number {
  return segments.filter(({ discontinuity }) => discontinuity).length;
}

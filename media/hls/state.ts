/** One partial segment. */
export interface HlsPart {
  /** Running number over all segments, so that the name of the next part is known before its segment is. */
  readonly number: number;
  readonly durationMs: number;
  /** True if it holds a key frame. */
  readonly independent: boolean;
  readonly sizeBytes: number;
}

/** One media segment: the concatenation of its parts. */
export interface HlsSegment {
  /** Media sequence number, never reused. */
  readonly sequence: number;
  /** True if time stamps or set-up do not continue those of the segment before. */
  readonly discontinuity: boolean;
  /** Number of the init segment it needs. */
  readonly initId: number;
  /** Unix ms at its start. */
  readonly wallMs: number;
  /** True if it begins with a key frame. */
  readonly independent: boolean;
  readonly parts: readonly HlsPart[];
  readonly durationMs: number;
  readonly sizeBytes: number;
}

/** A segment that no playlist lists any more, but that players may still fetch. */
export interface RemovedSegment {
  readonly segment: HlsSegment;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

/** All that a playlist is written from; plain data, so that it survives a restart as JSON. */
export interface HlsState {
  /** `EXT-X-TARGETDURATION`; it only grows. */
  readonly targetDurationSeconds: number;
  /** `PART-TARGET`; 0 for a playlist without parts. */
  readonly partTargetMs: number;
  /** `EXT-X-DISCONTINUITY-SEQUENCE`: discontinuities that have left the playlist. */
  readonly discontinuitySequence: number;
  /** Complete segments that are listed, oldest first. */
  readonly segments: readonly HlsSegment[];
  /** The segment that grows; undefined until its first part is complete. */
  readonly open: HlsSegment | undefined;
  /** Sequence number of the open segment, or of the one that will be opened. */
  readonly nextSequence: number;
  /** Number of the part that will come next. */
  readonly nextPart: number;
  /** Number of the init segment for what comes next. */
  readonly initId: number;
  /** What is opened next begins with a discontinuity. */
  readonly discontinuityPending: boolean;
  readonly removed: readonly RemovedSegment[];
  readonly ended: boolean;
}

/** Sequence number of the first listed segment. */
export function mediaSequenceOf(state: HlsState): number {
  return state.segments[0]?.sequence ?? state.nextSequence;
}

/** True once a playlist may be given out: its target duration is known from a whole segment. */
export function isPlayable(state: HlsState): boolean {
  return state.segments.length > 0;
}

export function durationOf(segments: readonly HlsSegment[]): number {
  return segments.reduce((sum, { durationMs }) => sum + durationMs, 0);
}

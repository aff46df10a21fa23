export interface SegmenterOptions {
  /** Duration that segments come near to, as key frames allow. */
  readonly segmentMs: number;
  /** The target duration that players know: longer segments are avoided where shorter ones can be made. */
  readonly targetMs: number;
  /** Longest part; 0 for none. */
  readonly partTargetMs: number;
  /** Samples longer than a part may be divided, as there is sound to fill the parts behind them. */
  readonly dividesSamples: boolean;
  /** Where no key frame comes, a segment ends after this time all the same, so that memory stays bounded. */
  readonly segmentMsMax: number;
}

/** A sample of the track that leads, with its time on the clock of the stream. */
export interface LeadSample {
  readonly startMs: number;
  readonly endMs: number;
  readonly keyFrame: boolean;
  /** A segment may end before it although it is no key frame: there are no pictures now. */
  readonly isFree?: boolean;
}

export type Cut = 'none' | 'part' | 'segment';

/** Share of the part target that all parts but the last of a segment must reach (RFC 8216bis, 4.4.3.7). */
const PART_SHARE_MIN = 0.85;
/** Groups of pictures from which the length of the next one is expected. */
const GROUPS_KEPT = 8;
/** A duration that rounds to the target is still within it (RFC 8216bis, 4.4.3.1). */
const TARGET_ROUNDING_MS = 499;
/** Rounding of time stamps to ms must not split a part. */
const TOLERANCE_MS = 0.5;

/**
 * The part target for pictures of `frameMs`: as asked for, or, when a few long pictures fill a part too badly for
 * the rule that parts reach 85 % of it, the nearest whole number of pictures and a little more for rounded times.
 */
export function partTargetFor(partMs: number, frameMs: number): number {
  if (partMs === 0 || frameMs <= partMs * (1 - PART_SHARE_MIN)) return partMs;
  const frames = Math.max(1, Math.round(partMs / frameMs));
  return Math.ceil(frames * (frameMs + 1));
}

/**
 * Says where segments and parts end. A segment ends at a key frame only: at the one that is nearest to the wanted
 * duration, if the next group of pictures is as long as the longest of late; at an earlier one where waiting for the
 * next would break the target duration. A part ends before it would grow longer than
 * its target, and where its segment ends.
 */
export class Segmenter {
  readonly #options: SegmenterOptions;
  #segmentStartMs: number | undefined;
  #partStartMs = 0;
  #endMs = 0;
  #lastKeyMs: number | undefined;
  #groupsMs: number[] = [];
  /** Segments that ended without a key frame after them, for the counters. */
  forcedCuts = 0;

  constructor(options: SegmenterOptions) {
    this.#options = options;
  }

  /** End of what was taken so far. */
  get endMs(): number {
    return this.#endMs;
  }

  /** Takes the next sample; says what ends before it. */
  before(sample: LeadSample): Cut {
    const startMs =
      this.#segmentStartMs === undefined ? sample.startMs : Math.max(sample.startMs, this.#endMs);
    if (sample.keyFrame) this.#noteGroup(startMs);
    const cut = this.#decide(startMs, sample);
    if (this.#segmentStartMs === undefined || cut === 'segment') this.#segmentStartMs = startMs;
    if (cut !== 'none' || this.#segmentStartMs === startMs) this.#partStartMs = startMs;
    this.#endMs = Math.max(sample.endMs, startMs);
    return cut;
  }

  /**
   * After a sample: where the open part ends, if it does; to be asked until it does not. It ends behind the sample
   * if the next one, should it be as long, does not fit, or if it holds too much. A sample that is longer than a
   * part is divided: the parts behind it have the sound that goes with it.
   */
  nextPartEnd(sample: LeadSample, isTooLarge: boolean): number | undefined {
    const end = this.#partEnd(sample.endMs - sample.startMs, isTooLarge);
    if (end === undefined || end <= this.#partStartMs) return undefined;
    this.#partStartMs = end;
    return end;
  }

  /** In front of a free place, such as the end of a part within a picture that stays: true if the segment ends there. */
  endsSegmentAt(timeMs: number): boolean {
    if (this.#segmentStartMs === undefined || timeMs - this.#segmentStartMs < this.#options.segmentMs)
      return false;
    this.#segmentStartMs = timeMs;
    return true;
  }

  #partEnd(nextMs: number, isTooLarge: boolean): number | undefined {
    const { partTargetMs, dividesSamples } = this.#options;
    if (isTooLarge) return this.#endMs;
    if (partTargetMs === 0) return undefined;
    const openMs = this.#endMs - this.#partStartMs;
    if (dividesSamples && openMs > partTargetMs + TOLERANCE_MS) return this.#partStartMs + partTargetMs;
    const isNextTooLong = openMs + nextMs > partTargetMs + TOLERANCE_MS;
    // What can be divided need not end early, which would leave a part that is too short.
    return isNextTooLong && (!dividesSamples || openMs >= PART_SHARE_MIN * partTargetMs)
      ? this.#endMs
      : undefined;
  }

  #noteGroup(startMs: number): void {
    if (this.#lastKeyMs !== undefined) this.#groupsMs.push(startMs - this.#lastKeyMs);
    if (this.#groupsMs.length > GROUPS_KEPT) this.#groupsMs.shift();
    this.#lastKeyMs = startMs;
  }

  #decide(startMs: number, sample: LeadSample): Cut {
    if (this.#segmentStartMs === undefined) return 'none';
    const elapsedMs = startMs - this.#segmentStartMs;
    if (elapsedMs <= 0) return 'none';
    const { segmentMsMax, partTargetMs, dividesSamples } = this.#options;
    if (this.#isSegmentEnd(elapsedMs, sample)) return 'segment';
    if (sample.endMs - this.#segmentStartMs > segmentMsMax) {
      this.forcedCuts += 1;
      return 'segment';
    }
    const isPartFull =
      partTargetMs > 0 && !dividesSamples && sample.endMs - this.#partStartMs > partTargetMs + TOLERANCE_MS;
    return isPartFull && startMs > this.#partStartMs ? 'part' : 'none';
  }

  #isSegmentEnd(elapsedMs: number, { keyFrame, isFree }: LeadSample): boolean {
    const { segmentMs, targetMs } = this.#options;
    if (!keyFrame) return isFree === true && elapsedMs >= segmentMs;
    const groupMs = Math.max(...this.#groupsMs, 0);
    const isNearest = elapsedMs >= segmentMs - groupMs / 2;
    return isNearest || elapsedMs + groupMs > targetMs + TARGET_ROUNDING_MS;
  }
}

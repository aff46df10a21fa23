/** Which clock a tag is on; each kind stays monotonic by itself so that the skew between them is kept. */
export type TrackKind = 'audio' | 'video' | 'data';

export interface TimelineOptions {
  /** A step between neighbouring tags beyond this is a broken clock, unless as much time really passed. */
  readonly jumpMs?: number;
  /** What a broken step becomes, until the frame interval is known. */
  readonly frameMs?: number;
}

const wireRange = 2 ** 32;

/**
 * The one output clock of a stream (media.md, "timestamps corrected once, at ingest"). Wire timestamps are
 * unsigned 32-bit milliseconds that wrap, jump and start anew with each publisher; the output never goes
 * backwards on a track, has no artificial gaps and follows the encoder's clock without drift.
 */
export class Timeline {
  readonly #jumpMs: number;
  readonly #frameMs: number;
  readonly #lastOutMs = { audio: -1, video: -1, data: -1 };
  #lastWireMs = 0;
  #lastArrivalMs = 0;
  /** Output time of the last tag before the monotonic clamp: steps add up here, so nothing drifts. */
  #positionMs = 0;
  #fresh = true;
  #begun = false;
  /** Newest time of a clock that another edge has corrected; undefined for a publisher of our own. */
  #liveMs: number | undefined;
  /** Steps that were replaced, for the counters. */
  jumps = 0;

  constructor(options: TimelineOptions = {}) {
    this.#jumpMs = options.jumpMs ?? 250;
    this.#frameMs = options.frameMs ?? 33;
  }

  /** Latest output time over all tracks, in milliseconds. */
  get positionMs(): number {
    return Math.max(this.#lastOutMs.audio, this.#lastOutMs.video, this.#lastOutMs.data, 0);
  }

  /** A new publisher speaks from here on: its clock is joined to the output at the time that has really passed. */
  join(): void {
    this.#fresh = true;
    this.#liveMs = undefined;
  }

  /**
   * Tags of another edge come from here on: their steps were corrected there and are taken as they are. Its newest
   * time stands for now, so what it has kept from before does not put the output ahead of the time that has really
   * passed. A timeline that begins takes over the times themselves.
   * @param liveMs newest time that the other edge has sent, unsigned 32-bit
   */
  follow(liveMs: number): void {
    this.#fresh = true;
    this.#liveMs = liveMs;
  }

  /**
   * Output time of a tag, in whole milliseconds since the stream began.
   * @param wireMs unsigned 32-bit timestamp as received
   * @param arrivalMs monotonic clock when it was received
   */
  correct(kind: TrackKind, wireMs: number, arrivalMs: number): number {
    if (this.#fresh && this.#liveMs !== undefined) this.#positionMs = this.#followed(wireMs, arrivalMs);
    else this.#positionMs += this.#fresh ? this.#joinStep(arrivalMs) : this.#step(wireMs, arrivalMs);
    this.#fresh = false;
    this.#begun = true;
    this.#lastWireMs = wireMs;
    this.#lastArrivalMs = arrivalMs;
    return this.#clamp(kind, this.#positionMs);
  }

  /** Output time of something that the edge itself makes (the hold picture): as much later as time has passed. */
  extend(kind: TrackKind, arrivalMs: number, offsetMs = 0): number {
    this.#positionMs = Math.max(this.positionMs, this.#positionMs + (arrivalMs - this.#lastArrivalMs));
    this.#lastArrivalMs = arrivalMs;
    this.#fresh = true;
    return this.#clamp(kind, this.#positionMs + offsetMs);
  }

  #joinStep(arrivalMs: number): number {
    if (!this.#begun) return 0;
    const elapsedMs = Math.max(0, arrivalMs - this.#lastArrivalMs);
    const behindMs = this.positionMs - this.#positionMs;
    return Math.max(Math.round(elapsedMs), behindMs + 1);
  }

  #followed(wireMs: number, arrivalMs: number): number {
    const liveMs = this.#liveMs ?? wireMs;
    const nowMs = this.#begun ? this.positionMs + Math.max(0, arrivalMs - this.#lastArrivalMs) : liveMs;
    return nowMs - signedDifference(liveMs, wireMs);
  }

  #step(wireMs: number, arrivalMs: number): number {
    const stepMs = signedDifference(wireMs, this.#lastWireMs);
    if (this.#liveMs !== undefined) return stepMs;
    if (Math.abs(stepMs) <= this.#jumpMs) return stepMs;
    const elapsedMs = arrivalMs - this.#lastArrivalMs;
    if (stepMs > 0 && Math.abs(stepMs - elapsedMs) <= this.#jumpMs) return stepMs;
    this.jumps++;
    return this.#frameMs;
  }

  #clamp(kind: TrackKind, outMs: number): number {
    const last = this.#lastOutMs[kind];
    const least = kind === 'video' ? last + 1 : last;
    const clamped = Math.max(Math.round(outMs), least, 0);
    this.#lastOutMs[kind] = clamped;
    return clamped;
  }
}

/** `a - b` on the 32-bit circle, in -2^31 .. 2^31 - 1. */
function signedDifference(a: number, b: number): number {
  const difference = (((a - b) % wireRange) + wireRange) % wireRange;
  return difference >= wireRange / 2 ? difference - wireRange : difference;
}

import type { StreamTimeline, TrackKind } from '../timeline.ts';

/**
 * The clock of a stream that is made of another: the times that come in are those of the source, corrected already,
 * so that players change between the two without a step. Each track stays monotonic all the same.
 */
export class SourceTimes implements StreamTimeline {
  /** Nothing is replaced here. */
  readonly jumps = 0;
  readonly #lastMs = { audio: -1, video: -1, data: -1 };

  get positionMs(): number {
    return Math.max(this.#lastMs.audio, this.#lastMs.video, this.#lastMs.data, 0);
  }

  /** Whoever feeds the stream, the source goes on. */
  join(): void {}

  correct(kind: TrackKind, sourceMs: number): number {
    const least = this.#lastMs[kind] + (kind === 'video' ? 1 : 0);
    this.#lastMs[kind] = Math.max(sourceMs, least);
    return this.#lastMs[kind];
  }

  /** A rendition is never held: the source is, and what it holds is transcoded like all else. */
  extend(kind: TrackKind): number {
    return this.correct(kind, this.positionMs);
  }
}

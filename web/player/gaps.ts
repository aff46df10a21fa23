/** A hole between two buffered ranges is crossed from this far before it on. */
const beforeGapSeconds = 0.12;

export interface GapOptions {
  readonly buffered: Pick<TimeRanges, 'length' | 'start' | 'end'>;
  readonly currentTime: number;
  /** Where the last seek led: holes before it are behind us. */
  readonly crossedTo: number;
}

/**
 * Where to seek because of a hole in what is buffered, or undefined. A browser waits at a hole, or plays on with the
 * sound alone: the decoder of a track that lacks something gets nothing more before the next seek. So a hole that
 * the clock has run over is crossed as well, in place.
 */
export function seekOverGap({ buffered, currentTime, crossedTo }: GapOptions): number | undefined {
  for (let index = buffered.length - 1; index > 0; index--) {
    const start = buffered.start(index);
    if (start <= crossedTo) return undefined;
    if (currentTime >= buffered.end(index - 1) - beforeGapSeconds) return Math.max(start, currentTime);
  }
  return undefined;
}

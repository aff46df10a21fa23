import type { Stream } from './stream.ts';

/** Viewers that got media of a stream and its renditions since it began, while they were counted. */
export function playsOf(stream: Stream): number {
  const { realtime, low, economy } = stream.tallies;
  let plays = realtime.plays + low.plays + economy.plays;
  for (const rendition of stream.renditions.values()) plays += playsOf(rendition);
  return plays;
}

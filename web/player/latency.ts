/** What a viewer may ask of the edge: per frame, 100 ms or 350 ms batches. */
export const latencies = ['realtime', 'low', 'economy'] as const;
export type Latency = (typeof latencies)[number];

/**
 * How far behind the newest frame to play, in seconds of media buffered ahead. The floor is what a browser
 * decodes in advance (about 200 ms of audio) plus one batch of the edge plus jitter.
 */
export interface LatencyProfile {
  /** Media that is there before the picture starts. */
  readonly startSeconds: number;
  readonly targetSeconds: number;
  /** Above it playback speeds up until the target. */
  readonly chaseSeconds: number;
}

export const latencyProfiles: Readonly<Record<Latency, LatencyProfile>> = {
  realtime: { startSeconds: 0.4, targetSeconds: 0.45, chaseSeconds: 0.8 },
  low: { startSeconds: 0.55, targetSeconds: 0.65, chaseSeconds: 1.1 },
  economy: { startSeconds: 1, targetSeconds: 1.2, chaseSeconds: 1.9 },
};

/** A network that starves the player earns a deeper cushion, up to three times the profile. */
export const cushionMax = 3;
export const cushionStep = 1.4;
/** Per 200 ms of playing: a cushion that is not needed any more is half as deep after about a minute. */
export const cushionDecay = 0.998;

const rateSlow = 0.95;
const rateChase = 1.08;
const rateHurry = 1.2;
/** This far above the chase mark the catch-up may be heard a little. */
const hurrySeconds = 1.5;

export interface PaceInput {
  readonly aheadSeconds: number;
  readonly rate: number;
  readonly profile: LatencyProfile;
  /** 1 … cushionMax. */
  readonly cushion: number;
}

/** The playback rate for now: never a seek, and with hysteresis so that it does not flutter. */
export function choosePlaybackRate({ aheadSeconds, rate, profile, cushion }: PaceInput): number {
  const target = profile.targetSeconds * cushion;
  const chase = profile.chaseSeconds * cushion;
  if (aheadSeconds > chase + hurrySeconds) return rateHurry;
  if (aheadSeconds > chase) return Math.max(rate, rateChase);
  if (rate > 1 && aheadSeconds > target) return rateChase;
  if (aheadSeconds < target * 0.3) return rateSlow;
  return rate < 1 && aheadSeconds < target * 0.6 ? rateSlow : 1;
}

export function parseLatency(text: string | null): Latency {
  return latencies.find((latency) => latency === text) ?? 'low';
}

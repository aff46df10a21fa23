import type { Latency } from './latency.ts';
import type { Move } from './move.ts';

/** `pictureless`: there was an answer, and no picture of it in time. */
export type EngineEnd = 'network-lost' | 'pictureless' | 'media-broken' | 'browser-unable' | 'parked';

/** One stream played into one video element, whatever brings it. */
export interface PlayEngine {
  /** Place of the picture on the screen, in ms of the stream's timeline; undefined while it is not known. */
  mediaMs(): number | undefined;
  jumpToLive(): void;
  /** Leaves the last picture only as long as nothing else is loaded into the element. */
  dispose(): void;
}

export interface EngineOptions {
  readonly video: HTMLVideoElement;
  readonly latency: Latency;
  /** The first picture, or the first sound of a stream without pictures; once. */
  readonly onFrame: () => void;
  /** At most once; the engine has to be disposed of then. */
  readonly onEnd: (end: EngineEnd) => void;
  /** The edge asks its players to go elsewhere. */
  readonly onMove?: (move: Move) => void;
}

/** Plays as soon as there is something: an early play() counts as a stall ("waiting") of the picture. */
export function playWhenReady(video: HTMLVideoElement, signal: AbortSignal): void {
  video.addEventListener('canplay', () => play(video, signal), { once: true, signal });
}

/** A browser that refuses sound without a gesture gets the picture muted. */
function play(video: HTMLVideoElement, signal: AbortSignal): void {
  video.play().catch(() => {
    if (signal.aborted) return;
    video.muted = true;
    video.play().catch(() => undefined);
  });
}

/** Runs with the first picture; a hidden page and a stream of sound alone show none, and have begun with their clock. */
export function onFirstPicture(video: HTMLVideoElement, signal: AbortSignal, run: () => void): void {
  const shows = 'requestVideoFrameCallback' in video;
  if (shows) video.requestVideoFrameCallback(() => signal.aborted || run());
  const onTime = (): void => {
    const { readyState, HAVE_CURRENT_DATA, seeking, paused, videoWidth } = video;
    if (readyState < HAVE_CURRENT_DATA || seeking || paused) return;
    if (!shows || document.hidden || videoWidth === 0) run();
  };
  video.addEventListener('timeupdate', onTime, { signal });
}

import { seekOverGap } from './gaps.ts';
import { choosePlaybackRate, cushionDecay, cushionMax, cushionStep, type LatencyProfile } from './latency.ts';

const tickMs = 200;
/** Media this far ahead of a paused or hidden player is given up; coming back connects afresh. */
const parkSeconds = 15;
/** In the foreground again: further behind than this above the target jumps to live. */
const jumpSeconds = 1.5;

export interface PacerOptions {
  readonly video: HTMLVideoElement;
  readonly profile: LatencyProfile;
  /** Too much media waits: the connection should be closed until the viewer is back. */
  readonly onPark: () => void;
}

/** Keeps a live picture near the newest frame by its playback rate; seeks only over holes and when asked to. */
export class Pacer {
  readonly #options: PacerOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #listeners = new AbortController();
  #cushion = 1;
  #started = false;
  /** Where the last seek led: holes before it are behind us. */
  #crossedTo = 0;

  constructor(options: PacerOptions) {
    this.#options = options;
    const { signal } = this.#listeners;
    options.video.addEventListener('playing', () => (this.#started = true), { signal });
    options.video.addEventListener('waiting', () => this.#deepen(), { signal });
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Seconds of media between the picture and the newest frame; 0 while there is none. */
  get aheadSeconds(): number {
    const { buffered, currentTime } = this.#options.video;
    return buffered.length === 0 ? 0 : Math.max(0, buffered.end(buffered.length - 1) - currentTime);
  }

  /** For a viewer who comes back: shows what is on air now, not what was missed. */
  jumpToLive(): void {
    const { video, profile } = this.#options;
    const target = profile.targetSeconds * this.#cushion;
    const ahead = this.aheadSeconds;
    if (ahead > target + jumpSeconds) this.#seek(video.currentTime + ahead - target);
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#listeners.abort();
  }

  #deepen(): void {
    if (this.#started) this.#cushion = Math.min(cushionMax, this.#cushion * cushionStep);
  }

  #tick(): void {
    const { video, profile, onPark } = this.#options;
    const aheadSeconds = this.aheadSeconds;
    if ((video.paused || document.hidden) && aheadSeconds > parkSeconds) return onPark();
    this.#crossGap();
    this.#cushion = Math.max(1, this.#cushion * cushionDecay);
    const rate = choosePlaybackRate({
      aheadSeconds,
      rate: video.playbackRate,
      profile,
      cushion: this.#cushion,
    });
    if (this.#started && video.playbackRate !== rate) video.playbackRate = rate;
  }

  #crossGap(): void {
    const { buffered, currentTime } = this.#options.video;
    const to = seekOverGap({ buffered, currentTime, crossedTo: this.#crossedTo });
    if (to !== undefined) this.#seek(to);
  }

  #seek(seconds: number): void {
    this.#crossedTo = seconds;
    this.#options.video.currentTime = seconds;
  }
}

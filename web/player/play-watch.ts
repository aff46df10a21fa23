import type { EngineEnd } from './play-engine.ts';

const checkMs = 1_000;
/** A first playlist takes a group of pictures, and the first picture a little more. */
const firstFrameMsMax = 15_000;
/** A picture that has stood so long has lost its stream. */
const stillMsMax = 8_000;
/** Paused so long, it stops loading; coming back connects afresh. */
const pausedMsMax = 15_000;

export interface PlayWatchOptions {
  readonly video: HTMLVideoElement;
  readonly onEnd: (end: EngineEnd) => void;
}

/** Ends a player of HLS that shows nothing: FLV tells by its bytes, a playlist that goes on tells nothing. */
export class PlayWatch {
  readonly #options: PlayWatchOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #begun = false;
  /** Time in the foreground without progress. */
  #stillMs = 0;
  #pausedMs = 0;
  #lastSeconds = -1;

  constructor(options: PlayWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#check(), checkMs);
  }

  /** The first picture is there; false when it was before. */
  begin(): boolean {
    const isFirst = !this.#begun;
    this.#begun = true;
    return isFirst;
  }

  dispose(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const { video, onEnd } = this.#options;
    const paused = this.#begun && video.paused;
    const moved = video.currentTime !== this.#lastSeconds && this.#begun;
    this.#lastSeconds = video.currentTime;
    this.#pausedMs = paused ? this.#pausedMs + checkMs : 0;
    this.#stillMs = moved || paused || document.hidden ? 0 : this.#stillMs + checkMs;
    if (this.#pausedMs > pausedMsMax) onEnd('parked');
    else if (this.#stillMs > (this.#begun ? stillMsMax : firstFrameMsMax)) {
      onEnd(this.#begun ? 'network-lost' : 'pictureless');
    }
  }
}

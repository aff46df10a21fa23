import type { Replay } from '@gala/protocol/rest';
import { loadHls } from './hls.ts';

export interface ReplayOptions {
  readonly video: HTMLVideoElement;
  readonly replay: Pick<Replay, 'url'>;
  /** Told once; nothing more is played. */
  readonly onFailed: () => void;
}

const hlsType = 'application/vnd.apple.mpegurl';
/** Seconds of played media that stay, so that a look back is at once. */
const backwardSeconds = 60;
const forwardSeconds = 30;

/** Plays a recording in a video element until it is disposed; seeking is the element's own. */
export class ReplayEngine implements Disposable {
  readonly #disposers: (() => void)[] = [];
  #isDisposed = false;

  constructor(options: ReplayOptions) {
    this.#start(options).catch(() => this.#isDisposed || options.onFailed());
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const dispose of this.#disposers) dispose();
  }

  async #start({ video, replay, onFailed }: ReplayOptions): Promise<void> {
    const Hls = await loadHls();
    if (this.#isDisposed) return;
    if (!Hls.isSupported()) return this.#playNatively(video, replay.url);
    const hls = new Hls({
      enableWorker: false,
      // A playlist whose end is not known yet would begin near its end.
      startPosition: 0,
      backBufferLength: backwardSeconds,
      maxBufferLength: forwardSeconds,
    });
    this.#disposers.push(() => hls.destroy());
    let hasRecovered = false;
    hls.on(Hls.Events.ERROR, (_, { fatal, type }) => {
      if (!fatal) return;
      const mayRecover = type === Hls.ErrorTypes.MEDIA_ERROR && !hasRecovered;
      hasRecovered = true;
      if (mayRecover) hls.recoverMediaError();
      else onFailed();
    });
    hls.attachMedia(video);
    hls.loadSource(replay.url);
  }

  /** Where there is no Media Source the element plays HLS by itself, or nothing does. */
  #playNatively(video: HTMLVideoElement, url: string): void {
    if (video.canPlayType(hlsType) === '') throw new TypeError('no way to play HLS');
    video.src = url;
    this.#disposers.push(() => {
      video.removeAttribute('src');
      video.load();
    });
  }
}

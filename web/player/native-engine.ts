import {
  onFirstPicture,
  playWhenReady,
  type EngineEnd,
  type EngineOptions,
  type PlayEngine,
} from './play-engine.ts';
import { PlayWatch } from './play-watch.ts';

const jumpSeconds = 4;
/** Distance from the end of what may be sought to: three parts of half a second, as the playlist asks for. */
const holdBackSeconds = 1.5;

export interface NativeEngineOptions extends EngineOptions {
  readonly url: string;
}

/** A playlist that the browser itself plays: iPhones before iOS 17.1 have nothing else. */
export class NativeEngine implements PlayEngine {
  readonly #options: NativeEngineOptions;
  readonly #watch: PlayWatch;
  readonly #listeners = new AbortController();
  #ended = false;

  constructor(options: NativeEngineOptions) {
    const { video, url, onFrame } = options;
    const { signal } = this.#listeners;
    this.#options = options;
    this.#watch = new PlayWatch({ video, onEnd: (end) => this.#end(end) });
    onFirstPicture(video, signal, () => {
      if (this.#watch.begin() && !this.#ended) onFrame();
    });
    video.addEventListener('error', () => this.#end(nameError(video)), { signal });
    video.addEventListener('ended', () => this.#end('network-lost'), { signal });
    playWhenReady(video, signal);
    video.src = url;
  }

  /** The browser tells of no time but its own. */
  mediaMs(): undefined {
    return undefined;
  }

  jumpToLive(): void {
    const { video } = this.#options;
    const { seekable } = video;
    if (seekable.length === 0) return;
    const position = seekable.end(seekable.length - 1) - holdBackSeconds;
    if (position > video.currentTime + jumpSeconds) video.currentTime = position;
  }

  dispose(): void {
    this.#ended = true;
    this.#listeners.abort();
    this.#watch.dispose();
    this.#options.video.removeAttribute('src');
    this.#options.video.load();
  }

  #end(end: EngineEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd(end);
  }
}

function nameError({ error }: HTMLVideoElement): EngineEnd {
  if (error?.code === MediaError.MEDIA_ERR_DECODE) return 'media-broken';
  return 'network-lost';
}

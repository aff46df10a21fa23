import type { OpenStream } from './connect.ts';
import { closeStream } from './connect.ts';
import { loadHls } from './hls.ts';
import type { EngineOptions, PlayEngine } from './play-engine.ts';

/** Which of the two video elements of a player is in front. */
export type DeckIndex = 0 | 1;
export type DeckVideos = readonly [HTMLVideoElement, HTMLVideoElement];

type Callbacks = Pick<EngineOptions, 'latency' | 'onEnd' | 'onMove'>;

export interface PlayOptions extends Callbacks {
  /** The picture in front goes on until the new one is there; otherwise the new one replaces it at once. */
  readonly beside: boolean;
  /** The new picture is in front now. */
  readonly onFrame: (front: DeckIndex) => void;
}

/**
 * Two video elements on top of each other. A stream that replaces another is played below the one that is seen,
 * without sound, and comes to the front with its first picture: media of another codec, size or clock cannot go
 * into the same element without a black gap.
 */
export class Stage {
  readonly #videos: DeckVideos;
  readonly #engines: [PlayEngine | undefined, PlayEngine | undefined] = [undefined, undefined];
  #front: DeckIndex = 0;
  /** Of the newest call of `play`: an older one that still loads its engine gives its stream back. */
  #serial = 0;

  constructor(videos: DeckVideos) {
    this.#videos = videos;
  }

  get video(): HTMLVideoElement {
    return this.#videos[this.#front];
  }

  async play(stream: OpenStream, options: PlayOptions): Promise<void> {
    const serial = ++this.#serial;
    const create = await loadEngine(stream).catch(() => undefined);
    if (serial !== this.#serial) return closeStream(stream);
    if (!create) {
      closeStream(stream);
      return options.onEnd('network-lost');
    }
    this.#drop(this.#back);
    const index = options.beside ? this.#back : this.#front;
    if (!options.beside) this.#drop(index);
    const video = this.#videos[index];
    if (options.beside) video.muted = true;
    this.#engines[index] = create({
      ...options,
      video,
      onFrame: () => {
        if (index !== this.#front) this.#swap();
        options.onFrame(index);
      },
    });
  }

  /** Gives up what is being prepared; the picture in front stays. */
  cancel(): void {
    this.#serial++;
    this.#drop(this.#back);
  }

  /** Place of the picture in front in the stream's timeline. */
  mediaMs(): number | undefined {
    return this.#engines[this.#front]?.mediaMs();
  }

  jumpToLive(): void {
    this.#engines[this.#front]?.jumpToLive();
  }

  drop(): void {
    this.cancel();
    this.#drop(this.#front);
  }

  get #back(): DeckIndex {
    return this.#front === 0 ? 1 : 0;
  }

  #swap(): void {
    const old = this.video;
    const oldIndex = this.#front;
    this.#front = this.#back;
    const { video } = this;
    video.volume = old.volume;
    video.muted = old.muted;
    old.muted = true;
    // While a picture is in its own window the browser lets another take its place without a gesture.
    if (document.pictureInPictureElement === old) video.requestPictureInPicture().catch(() => undefined);
    this.#drop(oldIndex);
    keepPlaying(video);
  }

  #drop(index: DeckIndex): void {
    this.#engines[index]?.dispose();
    this.#engines[index] = undefined;
  }
}

/** Some browsers pause an element that gets its sound without a gesture: then it goes on without. */
function keepPlaying(video: HTMLVideoElement): void {
  if (video.muted) return;
  const check = (): void => {
    if (!video.paused) return;
    video.muted = true;
    video.play().catch(() => undefined);
  };
  setTimeout(check);
}

type CreateEngine = (options: EngineOptions) => PlayEngine;

/** The player of a way is fetched when the way is used. */
async function loadEngine({ way, feed }: OpenStream): Promise<CreateEngine> {
  const { url, player } = way;
  if (feed) {
    const { Engine } = await import('./engine.ts');
    return (options) => new Engine({ ...options, feed });
  }
  if (player === 'native') {
    const { NativeEngine } = await import('./native-engine.ts');
    return (options) => new NativeEngine({ ...options, url });
  }
  const [{ HlsEngine }, Hls] = await Promise.all([import('./hls-engine.ts'), loadHls()]);
  return (options) => new HlsEngine({ ...options, url, Hls });
}

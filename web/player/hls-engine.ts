import type Hls from 'hls.js';
import type { ErrorData, HlsConfig } from 'hls.js';
import type { HlsConstructor } from './hls.ts';
import type { Latency } from './latency.ts';
import {
  onFirstPicture,
  playWhenReady,
  type EngineEnd,
  type EngineOptions,
  type PlayEngine,
} from './play-engine.ts';
import { PlayWatch } from './play-watch.ts';

/** Seconds of played media that stay for the browser's own looking back. */
const backwardSeconds = 30;
/** In the foreground again: further behind the wanted distance than this jumps to live. */
const jumpSeconds = 1.5;
/** Behind the edge of an economic viewer; the others take what the playlist asks for (three parts). */
const economySeconds = 4;
/** Catching up is not heard. */
const rateMax = 1.1;
/** The edge answers a first playlist when a first segment is whole: after a group of pictures, at most 10 s. */
const manifestMsMax = 12_000;

export interface HlsEngineOptions extends EngineOptions {
  readonly url: string;
  readonly Hls: HlsConstructor;
}

/** LL-HLS by hls.js: it loads parts, keeps its distance from the edge and chases it by its own clock. */
export class HlsEngine implements PlayEngine {
  readonly #options: HlsEngineOptions;
  readonly #hls: Hls;
  readonly #watch: PlayWatch;
  readonly #listeners = new AbortController();
  #recovered = false;
  /** What hls.js takes off the times of the media: they are those of the stream's timeline. */
  #originMs: number | undefined;
  #ended = false;

  constructor(options: HlsEngineOptions) {
    const { video, Hls, url, onFrame } = options;
    const { signal } = this.#listeners;
    this.#options = options;
    this.#hls = new Hls(hlsConfig(options.latency));
    this.#hls.on(Hls.Events.ERROR, (_, data) => this.#onError(data));
    this.#hls.on(Hls.Events.INIT_PTS_FOUND, (_, { initPTS, timescale }) => {
      this.#originMs = (initPTS / timescale) * 1000;
    });
    this.#watch = new PlayWatch({ video, onEnd: (end) => this.#end(end) });
    onFirstPicture(video, signal, () => {
      if (this.#watch.begin() && !this.#ended) onFrame();
    });
    // The playlist has come to its end: whether the room has, the next try is told.
    video.addEventListener('ended', () => this.#end('network-lost'), { signal });
    playWhenReady(video, signal);
    this.#hls.attachMedia(video);
    this.#hls.loadSource(url);
  }

  mediaMs(): number | undefined {
    const { currentTime, readyState } = this.#options.video;
    return this.#originMs === undefined || readyState === 0 ? undefined : this.#originMs + currentTime * 1000;
  }

  jumpToLive(): void {
    const { video } = this.#options;
    const position = this.#hls.liveSyncPosition;
    if (position !== null && position > video.currentTime + jumpSeconds) video.currentTime = position;
  }

  dispose(): void {
    this.#ended = true;
    this.#listeners.abort();
    this.#watch.dispose();
    this.#hls.destroy();
  }

  #onError({ fatal, type, details }: ErrorData): void {
    const { ErrorTypes, ErrorDetails } = this.#options.Hls;
    if (!fatal) return;
    if (type === ErrorTypes.NETWORK_ERROR) return this.#end('network-lost');
    const unable =
      details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ||
      details === ErrorDetails.BUFFER_ADD_CODEC_ERROR;
    if (unable) return this.#end('browser-unable');
    if (type !== ErrorTypes.MEDIA_ERROR || this.#recovered) return this.#end('media-broken');
    // A decoder that was lost (a sleeping laptop) comes back with a new media source, once.
    this.#recovered = true;
    this.#hls.recoverMediaError();
  }

  #end(end: EngineEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#hls.stopLoad();
    // hls.js is still inside its own callback here; its owner may destroy it only afterwards.
    queueMicrotask(() => this.#listeners.signal.aborted || this.#options.onEnd(end));
  }
}

function hlsConfig(latency: Latency): Partial<HlsConfig> {
  const once = { maxNumRetry: 1, retryDelayMs: 500, maxRetryDelayMs: 500 };
  return {
    enableWorker: false,
    lowLatencyMode: true,
    liveDurationInfinity: true,
    backBufferLength: backwardSeconds,
    maxLiveSyncPlaybackRate: rateMax,
    liveSyncOnStallIncrease: 0.5,
    ...(latency === 'economy' ? { liveSyncDuration: economySeconds } : {}),
    // A way that does not answer is left to the next one; this is not the place for long patience.
    manifestLoadPolicy: {
      default: {
        maxTimeToFirstByteMs: manifestMsMax,
        maxLoadTimeMs: manifestMsMax,
        timeoutRetry: null,
        errorRetry: once,
      },
    },
  };
}

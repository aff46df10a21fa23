import { feedLoader } from './feed-loader.ts';
import type { StreamFeed } from './feed.ts';
import { latencyProfiles } from './latency.ts';
import { parseMove } from './move.ts';
import { mpegts, type MpegtsPlayer } from './mpegts.ts';
import { Pacer } from './pacer.ts';
import {
  onFirstPicture,
  playWhenReady,
  type EngineEnd,
  type EngineOptions,
  type PlayEngine,
} from './play-engine.ts';

/** The edge sends something at least once a second, also while a room is held. */
const silenceMsMax = 8_000;
const watchMs = 1_000;
/** No frame this long after the first bytes: the media does not suit this browser. */
const firstFrameMsMax = 10_000;
const backwardSecondsMax = 30;
const backwardSecondsMin = 10;

export interface FlvEngineOptions extends EngineOptions {
  readonly feed: StreamFeed;
}

/** One connection played into one video element: demuxing and Media Source by mpegts.js, pace by us. */
export class Engine implements PlayEngine {
  readonly #options: FlvEngineOptions;
  readonly #player: MpegtsPlayer;
  readonly #pacer: Pacer;
  readonly #watch: ReturnType<typeof setInterval>;
  readonly #listeners = new AbortController();
  /** Time in the foreground without a frame; a hidden page shows none. */
  #blindMs = 0;
  #framed = false;
  #ended = false;
  #disposed = false;

  constructor(options: FlvEngineOptions) {
    this.#options = options;
    this.#player = createPlayer(options.feed);
    this.#pacer = new Pacer({
      video: options.video,
      profile: latencyProfiles[options.latency],
      onPark: () => this.#end('parked'),
    });
    this.#player.on(mpegts.Events.ERROR, (kind: string, detail: string) =>
      this.#end(nameError(kind, detail)),
    );
    this.#player.on(mpegts.Events.LOADING_COMPLETE, () => this.#end('network-lost'));
    this.#player.on(mpegts.Events.SCRIPTDATA_ARRIVED, (script: unknown) => {
      const move = parseMove(script);
      if (move && !this.#ended) options.onMove?.(move);
    });
    this.#watch = setInterval(() => this.#check(), watchMs);
    this.#start();
  }

  /** mpegts.js puts the first frame of the feed at second 0, and keeps the distances of the others from it. */
  mediaMs(): number | undefined {
    const { feed, video } = this.#options;
    return this.#framed && feed.firstMs !== undefined ? feed.firstMs + video.currentTime * 1000 : undefined;
  }

  jumpToLive(): void {
    this.#pacer.jumpToLive();
  }

  /** Leaves the last picture only as long as nothing else is loaded into the element. */
  dispose(): void {
    this.#ended = true;
    this.#disposed = true;
    clearInterval(this.#watch);
    this.#listeners.abort();
    this.#pacer.dispose();
    this.#player.destroy();
  }

  #start(): void {
    const { video } = this.#options;
    this.#player.attachMediaElement(video);
    this.#player.load();
    const { signal } = this.#listeners;
    onFirstPicture(video, signal, () => {
      if (this.#ended || this.#framed) return;
      this.#framed = true;
      this.#options.onFrame();
    });
    playWhenReady(video, signal);
  }

  #check(): void {
    const now = performance.now();
    if (now - this.#options.feed.lastDataMs > silenceMsMax) this.#end('network-lost');
    if (!this.#framed && !document.hidden) this.#blindMs += watchMs;
    if (!this.#framed && this.#blindMs > firstFrameMsMax) this.#end('pictureless');
  }

  #end(end: EngineEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    // mpegts.js is still inside its own callback here; its owner may destroy it only afterwards.
    queueMicrotask(() => this.#disposed || this.#options.onEnd(end));
  }
}

function createPlayer(feed: StreamFeed): MpegtsPlayer {
  Object.assign(mpegts.LoggingControl, {
    enableVerbose: false,
    enableInfo: false,
    enableDebug: false,
    enableWarn: false,
  });
  return mpegts.createPlayer(
    { type: 'flv', isLive: true, url: 'feed:' },
    {
      customLoader: feedLoader(feed),
      isLive: true,
      enableWorker: false,
      enableStashBuffer: false,
      lazyLoad: false,
      deferLoadAfterSourceOpen: false,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: backwardSecondsMax,
      autoCleanupMinBackwardDuration: backwardSecondsMin,
      liveBufferLatencyChasing: false,
      liveSync: false,
    },
  );
}

function nameError(kind: string, detail: string): EngineEnd {
  if (kind === mpegts.ErrorTypes.NETWORK_ERROR) return 'network-lost';
  return detail === mpegts.ErrorDetails.MEDIA_CODEC_UNSUPPORTED ? 'browser-unable' : 'media-broken';
}

import type { RoomClient } from '@gala/sdk/room';
import { backOffMs, reconnectBackOff } from './back-off.ts';
import type { MissingCodec } from './codecs.ts';
import { closeStream, connect, openWay, type ConnectTry, type OpenStream } from './connect.ts';
import { takeEarly } from './early.ts';
import { FallBack, type WayCause } from './fall-back.ts';
import { moveDelayMs, type Move } from './move.ts';
import type { EngineEnd } from './play-engine.ts';
import { RoomWatch } from './room-watch.ts';
import { Stage, type DeckIndex, type DeckVideos } from './stage.ts';
import {
  initialState,
  isFinal,
  reducePlayer,
  type FailureCause,
  type PlayerEvent,
  type PlayerState,
} from './state.ts';
import { rebase, type PlayPreference, type Protocol, type Way } from './support.ts';

/** While a host is off the air. */
const offlinePollMs = 2_500;
/** Media that cannot be decoded is tried again only a few times. */
const mediaTriesMax = 3;

export interface SessionOptions {
  readonly client: RoomClient;
  readonly roomRef: string;
  readonly preference: PlayPreference;
  readonly videos: DeckVideos;
  readonly onState: (state: PlayerState) => void;
}

/** Watches one room from enter to end: connects, plays, reconnects with back-off and says what is going on. */
export class PlayerSession {
  readonly #options: SessionOptions;
  readonly #listeners = new AbortController();
  readonly #stage: Stage;
  readonly #roomWatch: RoomWatch;
  #preference: PlayPreference;
  #fallBack: FallBack;
  #state: PlayerState = initialState;
  /** What is in front, or is on its way there. */
  #stream: OpenStream | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #moveTimer: ReturnType<typeof setTimeout> | undefined;
  #mediaTries = 0;
  #parked = false;
  /** The browser, not the viewer, paused the picture. */
  #pausedHidden = false;
  /** Another stream is being opened beside the picture; what ended the picture meanwhile waits for it. */
  #beside: { ended: EngineEnd | undefined } | undefined;
  /** Of the newest try: an older one that is still under way gives its stream back. */
  #serial = 0;
  #disposed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#preference = options.preference;
    this.#stage = new Stage(options.videos);
    this.#listen();
    const early = takeEarly(options.roomRef);
    this.#fallBack = this.#follow(early?.fallBack ?? new FallBack());
    this.#roomWatch = new RoomWatch({
      client: options.client,
      roomIdNow: () => (this.#state.phase === 'ended' ? undefined : this.#state.room?.roomId),
      onRoom: (room) => {
        this.#dispatch({ type: 'room', room });
        if (room.state === 'ended') this.#close('room-ended');
      },
    });
    void this.#try(early?.started);
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** Place of the picture on the screen, in ms of the stream's timeline; undefined while there is none, or it is not known. */
  mediaMs(): number | undefined {
    return this.#state.framed ? this.#stage.mediaMs() : undefined;
  }

  /** The viewer asked for another try: at once, and counted from the start. */
  retry(): void {
    this.#mediaTries = 0;
    this.#cancelBeside();
    clearTimeout(this.#timer);
    void this.#try();
  }

  /** Something else to watch: the picture stays until the new one is there, and when that does not come. */
  change(preference: PlayPreference): void {
    const { latency, protocol, quality } = this.#preference;
    const same =
      preference.latency === latency && preference.protocol === protocol && preference.quality === quality;
    if (same) return;
    this.#preference = preference;
    // What failed before is worth another try when the viewer asks for it.
    if (preference.protocol !== protocol) this.#fallBack = this.#follow(new FallBack());
    if (!this.#state.framed) return this.retry();
    this.#dispatch({ type: 'change', change: 'pending' });
    const { result } = connect({ ...this.#options, preference, fallBack: this.#fallBack });
    void this.#openBeside(result.then((found) => (found.kind === 'open' ? found.stream : undefined)));
  }

  dispose(): void {
    this.#disposed = true;
    this.#listeners.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#moveTimer);
    this.#roomWatch.dispose();
    this.#fallBack.onChange = undefined;
    this.#stage.drop();
  }

  async #try(started?: ConnectTry): Promise<void> {
    const serial = ++this.#serial;
    this.#parked = false;
    this.#dispatch({ type: 'connect' });
    const attempt =
      started ?? connect({ ...this.#options, preference: this.#preference, fallBack: this.#fallBack });
    void attempt.entered.then((answer) => answer && this.#dispatch({ type: 'entered', answer }));
    const result = await attempt.result;
    const stale = this.#disposed || serial !== this.#serial;
    if (result.kind === 'open' && stale) closeStream(result.stream);
    if (stale) return;
    if (result.kind === 'closed') return this.#close(result.cause, result.missing);
    this.#play(result.stream, { beside: this.#state.pictured && !document.hidden });
  }

  /** Plays in place of what is there; a last picture that stands goes with the first of the new stream. */
  #play(stream: OpenStream, { beside }: { beside: boolean }): void {
    let framed = false;
    void this.#stage.play(stream, {
      beside,
      latency: this.#preference.latency,
      onFrame: (front) => {
        framed = true;
        this.#onFrame(stream, front);
      },
      onEnd: (end) => (framed ? this.#onEnd(end) : this.#onWayFailed(stream.way, end)),
      onMove: (move) => this.#onMove(move),
    });
  }

  /** Opens a stream beside the picture. Whatever goes wrong with it, the picture goes on. */
  async #openBeside(opening: Promise<OpenStream | undefined>): Promise<void> {
    const serial = ++this.#serial;
    clearTimeout(this.#moveTimer);
    this.#stage.cancel();
    this.#beside = { ended: undefined };
    const stream = await opening.catch(() => undefined);
    const stale = this.#disposed || serial !== this.#serial;
    if (stream && stale) closeStream(stream);
    if (stale) return;
    if (!stream) return this.#onBesideFailed();
    let framed = false;
    void this.#stage.play(stream, {
      beside: true,
      latency: this.#preference.latency,
      onFrame: (front) => {
        framed = true;
        this.#beside = undefined;
        this.#onFrame(stream, front);
      },
      onEnd: (end) => (framed ? this.#onEnd(end) : this.#onBesideFailed()),
      onMove: (move) => this.#onMove(move),
    });
  }

  #onBesideFailed(): void {
    const ended = this.#beside?.ended;
    this.#cancelBeside();
    if (this.#state.change === 'pending') this.#dispatch({ type: 'change', change: 'failed' });
    if (ended) this.#onEnd(ended);
  }

  #cancelBeside(): void {
    clearTimeout(this.#moveTimer);
    this.#beside = undefined;
    this.#stage.cancel();
  }

  #onFrame(stream: OpenStream, front: DeckIndex): void {
    const { protocol } = stream.way;
    this.#stream = stream;
    this.#fallBack.play(protocol);
    this.#dispatch({ type: 'frame', front, way: protocol });
  }

  /** A way that was opened brought no picture: the next one is tried at once. */
  #onWayFailed({ protocol, player }: Way, end: EngineEnd): void {
    const cause = wayCauses[end];
    if (!cause) return this.#onEnd(end);
    // The same bytes come by either of the two FLV ways.
    const failed: Protocol[] =
      cause === 'undecodable' && player === 'flv' ? ['ws-flv', 'http-flv'] : [protocol];
    for (const way of failed) this.#fallBack.fail(way, cause, performance.now());
    void this.#try();
  }

  #onEnd(end: EngineEnd): void {
    if (this.#beside) {
      this.#beside.ended = end;
      return;
    }
    if (end === 'parked') {
      this.#parked = true;
      return;
    }
    this.#close(end === 'pictureless' ? 'network-lost' : end);
  }

  /** Ends this try; the next one follows by itself unless nothing can come of it. */
  #close(reason: FailureCause, missing: readonly MissingCodec[] = []): void {
    if (this.#disposed) return;
    const isOver = reason === 'media-broken' && ++this.#mediaTries >= mediaTriesMax;
    const cause = isOver ? 'browser-unable' : reason;
    this.#cancelBeside();
    this.#dispatch({ type: 'closed', cause, missing });
    if (isFinal(cause)) this.#stage.drop();
    if (isFinal(cause) && !this.#mayComeBack(cause)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#try(), this.#waitMs(cause));
  }

  /** A host's own page goes on to the next room. */
  #mayComeBack(cause: FailureCause): boolean {
    return cause === 'room-ended' && this.#options.roomRef.startsWith('@');
  }

  #waitMs(cause: FailureCause): number {
    const { room } = this.#state;
    const onAir = room?.state === 'live' || room?.state === 'hold';
    // A room on air without a stream has just lost its edge, and is about to get another.
    if (cause === 'room-ended' || (cause === 'not-on-air' && !onAir)) return offlinePollMs;
    const roundMs = this.#fallBack.waitMs(performance.now());
    return Math.max(roundMs, backOffMs(reconnectBackOff, this.#state.attempt - 1));
  }

  /** The edge closes soon: the picture goes on from another place, for all viewers a little apart. */
  #onMove({ url }: Move): void {
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => {
      const way = this.#stream?.way;
      if (!way || way.player !== 'flv' || this.#beside || this.#stage.video.paused) return;
      void this.#openBeside(openWay({ ...way, url: rebase(way.url, url) }, this.#preference));
    }, moveDelayMs());
  }

  #listen(): void {
    const { signal } = this.#listeners;
    document.addEventListener('visibilitychange', () => this.#onForeground(), { signal });
    globalThis.addEventListener('online', () => this.#hurry(), { signal });
    for (const video of this.#options.videos) {
      const isFront = (): boolean => video === this.#stage.video;
      video.addEventListener('play', () => isFront() && this.#onForeground(), { signal });
      video.addEventListener('pause', () => isFront() && (this.#pausedHidden = document.hidden), { signal });
    }
  }

  #onForeground(): void {
    if (document.hidden) return;
    const { video } = this.#stage;
    if (this.#parked && !(video.paused && !this.#pausedHidden)) return this.retry();
    this.#stage.jumpToLive();
    if (this.#pausedHidden) video.play().catch(() => undefined);
    this.#pausedHidden = false;
  }

  /** The network is back: no need to sit out the rest of the wait. */
  #hurry(): void {
    if (this.#state.phase === 'reconnecting') this.retry();
  }

  #follow(fallBack: FallBack): FallBack {
    const tell = (): void => {
      const { current, failures } = fallBack;
      if (fallBack === this.#fallBack) this.#dispatch({ type: 'ways', trying: current, failures });
    };
    fallBack.onChange = tell;
    queueMicrotask(tell);
    return fallBack;
  }

  #dispatch(event: PlayerEvent): void {
    if (this.#disposed) return;
    this.#state = reducePlayer(this.#state, event);
    this.#options.onState(this.#state);
  }
}

const wayCauses: Readonly<Record<EngineEnd, WayCause | undefined>> = {
  'network-lost': 'unreachable',
  pictureless: 'pictureless',
  'media-broken': 'undecodable',
  'browser-unable': 'undecodable',
  parked: undefined,
};

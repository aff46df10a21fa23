import type { RoomClient } from '@gala/sdk/room';
import { backOffMs, reconnectBackOff } from './back-off.ts';
import { connect, type ConnectTry } from './connect.ts';
import { takeEarly } from './early.ts';
import type { Engine, EngineEnd } from './engine.ts';
import type { StreamFeed } from './feed.ts';
import {
  initialState,
  isFinal,
  reducePlayer,
  type FailureCause,
  type PlayerEvent,
  type PlayerState,
} from './state.ts';
import type { PlayPreference } from './support.ts';

/** While a host is off the air, and for the state and viewer count of a room that plays. */
const offlinePollMs = 2_500;
const roomPollMs = 2_500;
/** Media that cannot be decoded is tried again only a few times. */
const mediaTriesMax = 3;

export interface SessionOptions {
  readonly client: RoomClient;
  readonly roomRef: string;
  readonly preference: PlayPreference;
  readonly video: HTMLVideoElement;
  readonly onState: (state: PlayerState) => void;
}

/** Watches one room from enter to end: connects, plays, reconnects with back-off and says what is going on. */
export class PlayerSession {
  readonly #options: SessionOptions;
  readonly #listeners = new AbortController();
  #state: PlayerState = initialState;
  #engine: Engine | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #roomTimer: ReturnType<typeof setTimeout> | undefined;
  #mediaTries = 0;
  #parked = false;
  /** The browser, not the viewer, paused the picture. */
  #pausedHidden = false;
  /** Of the newest try: an older one that is still under way gives its stream back. */
  #serial = 0;
  #disposed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { signal } = this.#listeners;
    document.addEventListener('visibilitychange', () => this.#onForeground(), { signal });
    options.video.addEventListener('play', () => this.#onForeground(), { signal });
    options.video.addEventListener('pause', () => (this.#pausedHidden = document.hidden), { signal });
    globalThis.addEventListener('online', () => this.#hurry(), { signal });
    void this.#try(takeEarly(options.roomRef));
    this.#pollRoom();
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** The viewer asked for another try: at once, and counted from the start. */
  retry(): void {
    this.#mediaTries = 0;
    this.#dropEngine();
    clearTimeout(this.#timer);
    void this.#try();
  }

  dispose(): void {
    this.#disposed = true;
    this.#listeners.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#roomTimer);
    this.#dropEngine();
  }

  async #try(started?: ConnectTry): Promise<void> {
    const serial = ++this.#serial;
    this.#dispatch({ type: 'connect' });
    const attempt = started ?? connect(this.#options);
    void attempt.entered.then((answer) => answer && this.#dispatch({ type: 'entered', answer }));
    const [result, engineModule] = await Promise.all([
      attempt.result,
      import('./engine.ts').catch(() => undefined),
    ]);
    const stale = this.#disposed || serial !== this.#serial;
    if (result.kind === 'open' && (stale || !engineModule)) result.feed.close();
    if (stale) return;
    if (result.kind === 'closed') return this.#close(result.cause);
    if (!engineModule) return this.#close('network-lost');
    this.#play(result.feed, engineModule.Engine);
  }

  #play(feed: StreamFeed, Player: typeof Engine): void {
    this.#dropEngine();
    this.#engine = new Player({
      video: this.#options.video,
      feed,
      latency: this.#options.preference.latency,
      onFrame: () => this.#dispatch({ type: 'frame' }),
      onEnd: (end) => this.#onEngineEnd(end),
    });
  }

  #onEngineEnd(end: EngineEnd): void {
    if (end === 'parked') {
      this.#parked = true;
      return;
    }
    if (end === 'media-broken' && ++this.#mediaTries >= mediaTriesMax) return this.#close('browser-unable');
    this.#close(end);
  }

  /** Ends this try; the next one follows by itself unless nothing can come of it. */
  #close(cause: FailureCause): void {
    if (this.#disposed) return;
    this.#dispatch({ type: 'closed', cause });
    if (cause === 'room-ended' || isFinal(cause)) this.#dropEngine();
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
    return backOffMs(reconnectBackOff, this.#state.attempt - 1);
  }

  #pollRoom(): void {
    this.#roomTimer = setTimeout(() => {
      void this.#readRoom().finally(() => this.#disposed || this.#pollRoom());
    }, roomPollMs);
  }

  async #readRoom(): Promise<void> {
    const roomId = this.#state.room?.roomId;
    if (roomId === undefined || document.hidden || this.#state.phase === 'ended') return;
    const answer = await this.#options.client.getRoom({ roomId }).catch(() => undefined);
    // A failed reading changes nothing: the stream itself tells whether the room goes on.
    if (!answer || this.#disposed || answer.room.roomId !== this.#state.room?.roomId) return;
    this.#dispatch({ type: 'room', room: answer.room });
    if (answer.room.state === 'ended') this.#close('room-ended');
  }

  #onForeground(): void {
    if (document.hidden) return;
    if (this.#parked && !(this.#options.video.paused && !this.#pausedHidden)) return this.retry();
    this.#engine?.jumpToLive();
    if (this.#pausedHidden) this.#options.video.play().catch(() => undefined);
    this.#pausedHidden = false;
  }

  /** The network is back: no need to sit out the rest of the wait. */
  #hurry(): void {
    if (this.#state.phase === 'reconnecting') this.retry();
  }

  #dropEngine(): void {
    this.#parked = false;
    this.#engine?.dispose();
    this.#engine = undefined;
  }

  #dispatch(event: PlayerEvent): void {
    if (this.#disposed) return;
    this.#state = reducePlayer(this.#state, event);
    this.#options.onState(this.#state);
  }
}

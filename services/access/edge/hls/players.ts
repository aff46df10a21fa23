import { randomBytes } from 'node:crypto';
import type { Clock } from '@gala/lib/clock';
import type { Place, Play } from '../play.ts';
import type { Stream } from '../stream.ts';

/** Name of the query parameter that tells the players of one address apart. */
export const playerParameter = 'player';
const tokenBytes = 9;
const token = /^[A-Za-z0-9_-]{1,32}$/;
/** A player that has not asked for this long is gone: it asks once for each target duration at least. */
const targetsUntilGone = 3;
const checkMs = 1_000;

/** A request for a playlist, as far as it tells whose it is. */
export interface PlaylistRequest {
  readonly stream: Stream;
  /** As the limits count it. */
  readonly address: string;
  readonly query: URLSearchParams;
}

/** One player, counted as a viewer. */
export interface HlsPlayer {
  readonly place: Place;
  /** Requests that it waits for. */
  waiting: number;
  goneAtMs: number;
}

/** What `player=` is in the addresses of a multivariant playlist: every one that is given out has another. */
export function newPlayerToken(): string {
  return randomBytes(tokenBytes).toString('base64url');
}

/**
 * The players of HLS, which have no connection that would say when they come and go: who asks for playlists is a
 * viewer until some time after the last request. Players are told apart by address and by the token that the
 * multivariant playlist gave them; those that asked for the media playlist directly by their address alone, so that
 * a CDN in front is one viewer. Bounded as all viewers are.
 */
export class HlsPlayers implements Disposable {
  readonly #play: Play;
  readonly #clock: Clock;
  readonly #players = new Map<string, HlsPlayer>();
  readonly #timer: NodeJS.Timeout;

  constructor(play: Play, clock: Clock) {
    this.#play = play;
    this.#clock = clock;
    this.#timer = setInterval(() => this.#check(), checkMs);
    this.#timer.unref();
  }

  get size(): number {
    return this.#players.size;
  }

  /** Players of one stream. */
  of(stream: Stream): HlsPlayer[] {
    return [...this.#players.values()].filter(({ place }) => place.stream === stream);
  }

  /**
   * Counts a player while `answer` is made and for some time after.
   * @throws CodedError TOO_MANY_VIEWERS, STREAM_UNKNOWN
   */
  async during<Answer>(request: PlaylistRequest, answer: (player: HlsPlayer) => Promise<Answer>) {
    const player = this.#playerOf(request);
    player.waiting++;
    try {
      return await answer(player);
    } finally {
      player.waiting--;
    }
  }

  /** It is expected to ask again at least once in a target duration. */
  keep(player: HlsPlayer, targetDurationSeconds: number): void {
    player.goneAtMs = this.#clock.monotonicMs() + targetsUntilGone * targetDurationSeconds * 1000;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const key of this.#players.keys()) this.#drop(key);
  }

  #playerOf({ stream, address, query }: PlaylistRequest): HlsPlayer {
    const given = query.get(playerParameter) ?? '';
    const key = `${stream.roomId} ${address} ${token.test(given) ? given : ''}`;
    const known = this.#players.get(key);
    if (known?.place.stream === stream) return known;
    if (known) this.#drop(key);
    const place = this.#play.reserve({ stream }, address);
    this.#play.enter(place);
    const player: HlsPlayer = { place, waiting: 0, goneAtMs: 0 };
    this.#players.set(key, player);
    return player;
  }

  #check(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { waiting, goneAtMs }] of this.#players) {
      if (waiting === 0 && nowMs > goneAtMs) this.#drop(key);
    }
  }

  #drop(key: string): void {
    const player = this.#players.get(key);
    this.#players.delete(key);
    if (player) this.#play.quit(player.place);
  }
}

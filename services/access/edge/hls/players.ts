import { randomBytes } from 'node:crypto';
import type { Clock } from '@gala/lib/clock';
import { rateKey } from '@gala/lib/http';
import type { Place, Play } from '../play.ts';
import type { Stream } from '../stream.ts';
import type { Caller } from '../viewer-guard.ts';

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
  readonly caller: Caller;
}

/** One player, counted as a viewer. */
export interface HlsPlayer {
  readonly place: Place;
  /** Rejects when it may not play. */
  readonly admitted: Promise<void>;
  /** True once it counts as a viewer. */
  isIn: boolean;
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
  /** Players by room and address. */
  readonly #watching = new Map<string, number>();
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
   * @throws CodedError TOO_MANY_VIEWERS, STREAM_FULL, STREAM_UNKNOWN, what `Play.admit` does
   */
  async during<Answer>(request: PlaylistRequest, answer: (player: HlsPlayer) => Promise<Answer>) {
    const player = this.#playerOf(request);
    player.waiting++;
    try {
      await player.admitted;
      return await answer(player);
    } finally {
      player.waiting--;
    }
  }

  /** True when somebody at this address plays this room. */
  isWatching(roomId: number, address: string): boolean {
    return this.#watching.has(`${roomId} ${rateKey(address)}`);
  }

  /** It is expected to ask again at least once in a target duration. */
  keep(player: HlsPlayer, targetDurationSeconds: number): void {
    player.goneAtMs = this.#clock.monotonicMs() + targetsUntilGone * targetDurationSeconds * 1000;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const key of this.#players.keys()) this.#drop(key);
  }

  #playerOf({ stream, caller }: PlaylistRequest): HlsPlayer {
    const address = rateKey(caller.address);
    const given = caller.query.get(playerParameter) ?? '';
    const key = `${stream.roomId} ${address} ${token.test(given) ? given : ''}`;
    const known = this.#players.get(key);
    if (known?.place.stream === stream) return known;
    if (known) this.#drop(key);
    const place = this.#play.reserve({ stream }, address);
    const admitted = this.#admit(key, place, caller);
    const player: HlsPlayer = { place, admitted, isIn: false, waiting: 0, goneAtMs: 0 };
    this.#players.set(key, player);
    return player;
  }

  /** It may be dropped while somebody is asked about it. */
  async #admit(key: string, place: Place, caller: Caller): Promise<void> {
    const playerOfPlace = (): HlsPlayer | undefined => {
      const player = this.#players.get(key);
      return player?.place === place ? player : undefined;
    };
    try {
      await this.#play.admit(place, caller);
    } catch (error) {
      if (playerOfPlace()) this.#players.delete(key);
      throw error;
    }
    const player = playerOfPlace();
    if (!player) return this.#play.release(place);
    this.#play.enter(place);
    player.isIn = true;
    // Players of HLS have no latency of ours: they count where those do that chose none.
    place.stream.tallies.low.countPlay();
    this.#count(place, 1);
  }

  #count({ stream, address }: Place, change: 1 | -1): void {
    const key = `${stream.roomId} ${address}`;
    const count = (this.#watching.get(key) ?? 0) + change;
    if (count > 0) this.#watching.set(key, count);
    else this.#watching.delete(key);
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
    if (!player?.isIn) return;
    this.#play.quit(player.place);
    this.#count(player.place, -1);
  }
}

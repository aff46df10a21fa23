import { CodedError } from '@gala/lib/error';
import { rateKey } from '@gala/lib/http';
import type { PlayRequest } from '@gala/media/rtmp';
import type { RtmpDecision, RtmpServerConnection } from '@gala/media-io/rtmp';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { asCoded } from './coded-error.ts';
import type { EdgeEvents } from './events.ts';
import { rtmpStreamId } from './payload.ts';
import type { ConnectionPlace, Play } from './play.ts';
import { parsePlayAddress } from './play-request.ts';
import type { Viewer, ViewerSocket } from './viewer.ts';

export interface RtmpPlayersOptions {
  readonly play: Play;
  readonly events: EdgeEvents;
  readonly playersMax: number;
}

/** The RTMP players of this process; fewer than its connections, so that publishers always find room. */
export class RtmpPlayers {
  readonly #playersMax: number;
  readonly play: Play;
  readonly events: EdgeEvents;
  #size = 0;

  constructor({ play, events, playersMax }: RtmpPlayersOptions) {
    this.play = play;
    this.events = events;
    this.#playersMax = playersMax;
  }

  get size(): number {
    return this.#size;
  }

  /** @throws CodedError TOO_MANY_VIEWERS */
  enter(): void {
    if (this.#size >= this.#playersMax) throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS');
    this.#size++;
  }

  leave(): void {
    this.#size--;
  }
}

/** One RTMP connection as a player: its request, its place, and the socket that its viewer writes to. */
export class RtmpPlayer implements ViewerSocket {
  readonly #connection: RtmpServerConnection;
  readonly #players: RtmpPlayers;
  /** Taken with the decision and given back once, whatever becomes of the player. */
  #place: ConnectionPlace | undefined;
  #viewer: Viewer | undefined;

  constructor(connection: RtmpServerConnection, players: RtmpPlayers) {
    this.#connection = connection;
    this.#players = players;
  }

  get writableLength(): number {
    return this.#connection.writableLength;
  }

  write(bytes: Buffer): void {
    this.#connection.sendEncoded(bytes);
  }

  /** `NetStream.Play.UnpublishNotify`, then the end of the connection. */
  end(): void {
    this.#connection.endPlay();
  }

  destroy(): void {
    this.#connection.close('PLAYER_SLOW');
  }

  /** Decides; who is accepted has its place from here on. */
  async decide(request: PlayRequest, signal: AbortSignal): Promise<RtmpDecision> {
    try {
      await this.#takePlace(request, signal);
      return { accept: true };
    } catch (error) {
      const refused = asCoded(error);
      this.#players.events.playRefused(refused.code);
      return refusal(refused);
    }
  }

  /** The player has been told that it plays: from here on it gets media. */
  start(): void {
    if (this.#place && !this.#viewer) this.#viewer = this.#players.play.join(this.#place, this, 'rtmp');
  }

  /** The player has stopped, or is gone. */
  stop(): void {
    const place = this.#place;
    const viewer = this.#viewer;
    this.#place = undefined;
    this.#viewer = undefined;
    if (!place) return;
    this.#players.leave();
    if (!viewer) return this.#players.play.release(place);
    viewer.closed = true;
    // In a turn of its own, as a raw socket tells its close: the stream may be the one that ends this viewer.
    queueMicrotask(() => this.#players.play.leave(viewer, place));
  }

  async #takePlace(request: PlayRequest, signal: AbortSignal): Promise<void> {
    const { play } = this.#players;
    const address = play.clientOf(this.#connection.remoteAddress);
    const target = parsePlayAddress(request);
    if (request.streamId !== rtmpStreamId) {
      throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'play on message stream 1' });
    }
    const found = await play.find(target);
    throwIfGone(signal);
    this.#players.enter();
    try {
      const place = play.reserve(found, rateKey(address));
      const protocol = this.#connection.isSecure ? 'rtmps' : 'rtmp';
      await play.admit(place, { address, protocol, query: target.query }, signal);
      if (signal.aborted) play.release(place);
      throwIfGone(signal);
      this.#place = place;
    } catch (error) {
      this.#players.leave();
      throw error;
    }
  }
}

/** An answer that is not heard any more is none: nobody would give the place back. */
function throwIfGone(signal: AbortSignal): void {
  if (signal.aborted) throw new CodedError(commonErrors, 'DEADLINE_EXCEEDED');
}

/** What is not there is not found; anything else is a failure. The description begins with our code. */
function refusal({ code, message, detail }: CodedError): RtmpDecision {
  const status = code === 'STREAM_UNKNOWN' ? 'NetStream.Play.StreamNotFound' : 'NetStream.Play.Failed';
  const description = `${code}: ${message}${detail === undefined ? '' : ` (${detail})`}`;
  return { accept: false, code: status, description };
}

import { hasCode } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import { RoomState, type Room, type RoomService } from '@gala/protocol/room';
import { edgeClosed, stoppedByRoom, type Stream } from '../stream.ts';
import type { Streams } from '../streams.ts';
import type { RelayDoor } from './door.ts';
import type { Owners } from './owners.ts';
import type { Relays } from './relays.ts';

export interface HandoverOptions {
  readonly rooms: Client<typeof RoomService>;
  readonly edgeId: string;
  readonly streams: Streams;
  readonly owners: Owners;
  readonly relays: Relays;
  readonly door: RelayDoor;
}

/** Whether a stream's publisher is here, and what follows when that changes. */
export class Handover {
  readonly #options: HandoverOptions;
  readonly #asking = new Set<Stream>();

  constructor(options: HandoverOptions) {
    this.#options = options;
    options.streams.observe((stream, reason) => this.#changed(stream, reason));
  }

  /** The publisher of this stream is here, under its present epoch. */
  claim(stream: Stream): void {
    this.#options.owners.claim(stream);
    this.#options.relays.takeOver(stream);
  }

  /**
   * The room service wants the stream of this epoch stopped. If its room goes on at another edge its viewers stay:
   * the stream is relayed from there. An edge that cannot find out is told to stop again with its next heart-beat.
   */
  async stop(stream: Stream): Promise<void> {
    if (!stream.isOwner) return stream.end(stoppedByRoom);
    if (this.#asking.has(stream)) return;
    this.#asking.add(stream);
    const { epoch } = stream;
    const whither = await this.#whither(stream).finally(() => this.#asking.delete(stream));
    if (whither === 'unknown' || stream.epoch !== epoch || stream.state === 'ended') return;
    if (whither === 'ended' || !this.#handOver(stream)) stream.end(stoppedByRoom);
  }

  async #whither({ roomId }: Stream): Promise<'elsewhere' | 'ended' | 'unknown'> {
    const { rooms, edgeId } = this.#options;
    try {
      const { room } = await rooms.getRoom({ roomId: BigInt(roomId) });
      if (!room || !isOnAir(room)) return 'ended';
      return room.edgeId === edgeId ? 'unknown' : 'elsewhere';
    } catch (error) {
      return hasCode(error, 'ROOM_UNKNOWN', 'NOT_FOUND') ? 'ended' : 'unknown';
    }
  }

  #handOver(stream: Stream): boolean {
    const { publisher } = stream;
    stream.isOwner = false;
    if (!this.#options.relays.adopt(stream)) return false;
    this.#options.door.closeFeeds(stream);
    if (!publisher) return true;
    stream.detach(publisher, 'publisher_elsewhere');
    publisher.close('NetStream.Publish.BadName', 'a newer publisher has taken over');
    return true;
  }

  #changed(stream: Stream, reason: string): void {
    const isOver = stream.state === 'ended' && stream.isOwner && reason !== edgeClosed;
    if (isOver) this.#options.owners.release(stream);
  }
}

function isOnAir({ state }: Room): boolean {
  return state === RoomState.LIVE || state === RoomState.HOLD;
}

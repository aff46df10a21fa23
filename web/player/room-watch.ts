import type { Room } from '@gala/protocol/rest';
import type { RoomClient } from '@gala/sdk/room';

const pollMs = 2_500;

export interface RoomWatchOptions {
  readonly client: RoomClient;
  /** The room to ask about; undefined while there is none. */
  readonly roomIdNow: () => number | undefined;
  readonly onRoom: (room: Room) => void;
}

/** Reads state and viewer count of the room on the screen, again and again while the page is seen. */
export class RoomWatch {
  readonly #options: RoomWatchOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  constructor(options: RoomWatchOptions) {
    this.#options = options;
    this.#poll();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }

  #poll(): void {
    this.#timer = setTimeout(() => {
      void this.#read().finally(() => this.#disposed || this.#poll());
    }, pollMs);
  }

  async #read(): Promise<void> {
    const { client, roomIdNow, onRoom } = this.#options;
    const roomId = roomIdNow();
    if (roomId === undefined || document.hidden) return;
    const answer = await client.getRoom({ roomId }).catch(() => undefined);
    // A failed reading changes nothing: the stream itself tells whether the room goes on.
    if (answer && !this.#disposed && roomIdNow() === roomId) onRoom(answer.room);
  }
}

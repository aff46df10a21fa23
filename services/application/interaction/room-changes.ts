import { followChanges, type Change } from '@gala/lib/changes';
import type { EventLog } from '@gala/lib/eventlog';
import { codeOf, hasCode } from '@gala/lib/error';
import { Backoff } from '@gala/lib/lifecycle';
import { roomTopic } from '@gala/protocol/room';
import type { InteractionEvents } from './events.ts';
import type { Room } from './room.ts';
import type { RoomSource } from './room-source.ts';
import type { Rooms } from './rooms.ts';
import type { Sayings } from './sayings.ts';

export interface RoomChangesOptions {
  readonly log: Pick<EventLog, 'end' | 'follow'>;
  readonly rooms: Rooms;
  readonly sayings: Sayings;
  readonly source: Pick<RoomSource, 'read'>;
  readonly events: InteractionEvents;
}

/** Rooms that are read at once when changes may have been missed. */
const readsMax = 16;
/** What is read just after a change may come from a cache. */
const settleMs = 700;
const retry = { initialMs: 500, maxMs: 5000 };

/**
 * Follows what becomes of the rooms that are open here, by the room service's own feed: it is there for other replicas
 * anyway, tells of an end within moments, and asks nobody about rooms to which nothing happens. A change of a host's
 * announcement is a change of his present room as well.
 */
export class RoomChanges implements AsyncDisposable {
  readonly #options: RoomChangesOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** Rooms that are read soon; once each, however much they change until then. */
  readonly #due = new Map<number, NodeJS.Timeout>();

  constructor(options: RoomChangesOptions) {
    this.#options = options;
    const { log } = options;
    this.#done = followChanges({
      log,
      topic: roomTopic,
      signal: this.#stop.signal,
      scan: () => this.#readAll(),
      apply: (change) => this.#apply(change),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const timer of this.#due.values()) clearTimeout(timer);
    await this.#done;
  }

  #apply({ kind, table, row }: Change): void {
    if (table !== 'room' || (kind !== 'insert' && kind !== 'update')) return;
    const room = this.#options.rooms.find(Number(row['room_id']));
    if (!room || room.isEnded) return;
    if (row['state'] === 'ended') void this.#end(room);
    else this.#readSoon(room);
  }

  #readSoon(room: Room): void {
    const { roomId } = room;
    if (this.#due.has(roomId)) return;
    const read = (): void => {
      this.#due.delete(roomId);
      void this.#read(room);
    };
    this.#due.set(roomId, setTimeout(read, settleMs).unref());
  }

  async #readAll(): Promise<void> {
    const rooms = [...this.#options.rooms.list()];
    for (let at = 0; at < rooms.length; at += readsMax)
      await Promise.all(rooms.slice(at, at + readsMax).map((room) => this.#read(room)));
  }

  /** What cannot be read now is read with the next change. */
  async #read(room: Room): Promise<void> {
    try {
      const { announcement } = await this.#options.source.read(room.roomId);
      if (!room.isClosed) room.announce(announcement);
    } catch (error) {
      if (hasCode(error, 'ROOM_SILENT')) await this.#end(room);
    }
  }

  /** Its viewers are told, however long the log is away. */
  async #end(room: Room): Promise<void> {
    const { sayings, events } = this.#options;
    if (room.isEnded) return;
    room.isEnded = true;
    events.roomEnded(room.roomId);
    const backoff = new Backoff(retry);
    const ended = { type: 'ended', class: 'control', signalId: '' } as const;
    while (!room.isClosed && !this.#stop.signal.aborted) {
      try {
        await sayings.publish(room, ended, 'ended');
        return;
      } catch (error) {
        if (codeOf(error) === 'NOT_OWNER') return;
        await backoff.wait(this.#stop.signal).catch(() => undefined);
      }
    }
  }
}

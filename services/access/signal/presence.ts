import type { Clock } from '@gala/lib/clock';
import { attendanceNamesMax } from '@gala/protocol/signals';
import type { Connection } from './connection.ts';
import type { SignalEvents } from './events.ts';
import type { Owners } from './owners.ts';
import type { Room } from './room.ts';
import { wireSpeaker } from './submissions.ts';

export interface PresenceParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly owners: Owners;
  readonly events: SignalEvents;
  readonly rooms: { get(roomId: number): Room | undefined };
  readonly onNotOwned: (room: Room, reason: string) => void;
}

/** Arrivals and departures of all rooms in one call. */
const callNamesMax = 4_000;
/** A room whose people stay is told of so often: that it is still here, and how many there are. */
const beatMs = 5_000;
const reportMs = 2_000;

interface Changes {
  readonly room: Room;
  readonly joined: Set<Connection>;
  left: number[];
  /** All that are here are told, in place of what was known before. */
  isWhole: boolean;
  toldAtMs: number;
  isUnderWay: boolean;
}

/**
 * Tells owners who comes to their rooms and who goes: what happened since the last report in one call for each owner.
 * A room is told of as a whole when its owner is new to it, and when a report was lost.
 */
export class Presence {
  readonly #parts: PresenceParts;
  readonly #rooms = new Map<Room, Changes>();
  /** Rooms with something to tell. */
  readonly #changed = new Set<Changes>();

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  joined(room: Room, connection: Connection): void {
    const changes = this.#of(room);
    changes.joined.add(connection);
    this.#changed.add(changes);
  }

  left(room: Room, connection: Connection): void {
    const changes = this.#of(room);
    // Who came and went between two reports was never there.
    if (!changes.joined.delete(connection)) changes.left.push(connection.id);
    this.#changed.add(changes);
  }

  /** Its owner knows nothing of the room here. */
  restart(room: Room): void {
    const changes = this.#of(room);
    changes.isWhole = true;
    changes.left = [];
    changes.joined.clear();
    for (const connection of room.audience) changes.joined.add(connection);
    this.#changed.add(changes);
  }

  /** Sends what there is to tell. Call a few times a second. */
  tick(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [room, changes] of this.#rooms) {
      if (this.#parts.rooms.get(room.id) !== room) this.#forget(changes);
      else if (nowMs - changes.toldAtMs > beatMs) this.#changed.add(changes);
    }
    const due = [...this.#changed].filter(({ room, isUnderWay }) => room.status === 'open' && !isUnderWay);
    for (const [ownerId, changes] of Map.groupBy(due, ({ room }) => room.ownerId)) {
      this.#report(ownerId, boundedBy(callNamesMax, changes));
    }
  }

  #report(ownerId: string, all: readonly Changes[]): void {
    const { nodeId, owners, events, clock } = this.#parts;
    const reports = all.map((changes) => this.#take(changes, clock.monotonicMs()));
    events.counters.presenceReports++;
    const asked = owners.client.reportPresence(
      { node: nodeId, rooms: reports },
      { member: ownerId, timeoutMs: reportMs },
    );
    asked
      .then(({ notOwned, incomplete }) => {
        events.answered('presence');
        for (const roomId of notOwned) this.#notOwned(Number(roomId));
        for (const roomId of incomplete) this.#restart(Number(roomId));
      })
      .catch((error: unknown) => {
        events.presenceFailed(ownerId, error);
        for (const { room } of all) this.restart(room);
      })
      .finally(() => {
        for (const changes of all) changes.isUnderWay = false;
      });
  }

  #take(changes: Changes, nowMs: number) {
    const { room } = changes;
    const joined = [...changes.joined.values().take(attendanceNamesMax)];
    for (const connection of joined) changes.joined.delete(connection);
    const left = changes.left.splice(0, attendanceNamesMax);
    const whole = changes.isWhole;
    changes.isWhole = false;
    changes.isUnderWay = true;
    changes.toldAtMs = nowMs;
    if (changes.joined.size === 0 && changes.left.length === 0) this.#changed.delete(changes);
    return {
      roomId: BigInt(room.id),
      connections: room.audience.size,
      joined: joined.map((each) => ({ connection: BigInt(each.id), speaker: wireSpeaker(each) })),
      leftConnections: left.map(BigInt),
      whole,
    };
  }

  #notOwned(roomId: number): void {
    const room = this.#parts.rooms.get(roomId);
    if (!room) return;
    this.restart(room);
    this.#parts.onNotOwned(room, 'not owned');
  }

  #restart(roomId: number): void {
    const room = this.#parts.rooms.get(roomId);
    if (room) this.restart(room);
  }

  #forget(changes: Changes): void {
    this.#rooms.delete(changes.room);
    this.#changed.delete(changes);
  }

  #of(room: Room): Changes {
    const known = this.#rooms.get(room);
    if (known) return known;
    const nowMs = this.#parts.clock.monotonicMs();
    const changes = {
      room,
      joined: new Set<Connection>(),
      left: [],
      isWhole: true,
      toldAtMs: nowMs,
      isUnderWay: false,
    };
    this.#rooms.set(room, changes);
    return changes;
  }
}

/** As many as name no more than the bound, and at least one. */
function boundedBy(namesMax: number, all: readonly Changes[]): Changes[] {
  let names = 0;
  const taken = all.findIndex(({ joined, left }) => {
    names += Math.min(joined.size, attendanceNamesMax) + Math.min(left.length, attendanceNamesMax) + 1;
    return names > namesMax;
  });
  return taken < 0 ? [...all] : all.slice(0, Math.max(1, taken));
}

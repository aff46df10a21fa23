import { setTimeout as delay } from 'node:timers/promises';
import { ringOrder } from '@gala/lib/ring';
import { closeCodes } from '@gala/lib/websocket';
import type { Door } from './door.ts';
import type { SignalEvents } from './events.ts';
import type { Nodes } from './nodes.ts';
import type { Rooms } from './rooms.ts';
import { textFrame } from './shared.ts';

export interface DrainParts {
  readonly nodes: Nodes;
  readonly rooms: Rooms;
  readonly door: Door;
  readonly events: SignalEvents;
  /** How long it takes to send all clients away. */
  readonly moveMs: number;
}

/** Nodes that drain together know of each other by then, and send nobody to each other. */
const settleMs = 150;
const sliceMs = 50;
/** Addresses that a client is given. */
const urlsMax = 3;
/** The last ones have this time to go; they have been told to go at once. */
const lastMs = 1_500;

/**
 * Empties a node that is to stop. Where there is another, clients are told to go there, some at a time over `moveMs`:
 * they connect there first and leave this one then, so that nothing is missed. Who is still here at the end is closed,
 * and comes back with his resume ticket.
 */
export class Drain {
  readonly #parts: DrainParts;
  #begun: Promise<void> | undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  get isDraining(): boolean {
    return this.#begun !== undefined;
  }

  get hasElsewhere(): boolean {
    return this.#parts.nodes.others().length > 0;
  }

  /** Resolves when the node is empty. A second call waits for the first. */
  begin(): Promise<void> {
    this.#begun ??= this.#run();
    return this.#begun;
  }

  async #run(): Promise<void> {
    const { nodes, door, events } = this.#parts;
    if (door.size > 0 && this.hasElsewhere) {
      try {
        await nodes.leaveSoon();
        await delay(settleMs);
      } catch (error) {
        events.drainUnannounced(error);
      }
      door.isClosed = true;
      await this.#move();
    }
    door.isClosed = true;
    const left = door.size;
    for (const connection of door.connections()) {
      connection.bye(
        { code: 'NODE_DRAINS', retryAfterMs: Math.round(Math.random() * 2_000) },
        closeCodes.goingAway,
      );
    }
    events.drained(left);
  }

  async #move(): Promise<void> {
    const { nodes, rooms, door, events, moveMs } = this.#parts;
    const others = nodes.others();
    events.drainBegun(
      door.size,
      others.map(({ id }) => id),
    );
    const urlOf = new Map(others.map(({ id, publicUrl }) => [id, publicUrl]));
    const endsAtMs = performance.now() + moveMs;
    const perSlice = Math.max(20, Math.ceil((door.size * sliceMs) / Math.max(sliceMs, moveMs - lastMs)));
    let told = 0;
    for (const room of rooms) {
      // Those of a room find each other again at the same node.
      const order = ringOrder(urlOf.keys(), `signal/${room.id}`);
      const urls = order.flatMap((id) => urlOf.get(id) ?? []).slice(0, urlsMax);
      const move = textFrame({ type: 'move', urls, withinMs: lastMs });
      for (const connection of room.audience) {
        connection.write(move);
        events.counters.moved++;
        if (++told % perSlice === 0) await delay(sliceMs);
      }
    }
    const goneBy = Math.max(endsAtMs, performance.now() + lastMs);
    while (door.size > 0 && performance.now() < goneBy) await delay(sliceMs);
  }
}

import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import type { RoomBatch } from '@gala/protocol/interaction';
import type { Position, ServerMessage } from '@gala/protocol/signals';
import { nowhere, type Place } from '../../../services/access/signal/backlog.ts';
import type { Connection } from '../../../services/access/signal/connection.ts';
import { SignalEvents } from '../../../services/access/signal/events.ts';
import type { Fanout } from '../../../services/access/signal/fanout.ts';
import { anyKind } from '../../../services/access/signal/kinds.ts';
import { MissedReading, nothingMissed, type Missed } from '../../../services/access/signal/missed.ts';
import type { Pressure } from '../../../services/access/signal/pressure.ts';
import { Room, type RoomOwner } from '../../../services/access/signal/room.ts';
import type { Format, Shared } from '../../../services/access/signal/shared.ts';
import type { WireBatch } from '../../../services/application/interaction/encoding.ts';
import type { SimClient } from './client.ts';
import { roomId, type SimOwner } from './owner.ts';
import type { World } from './world.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const events = new SignalEvents(logger, createMetrics('node'));
const ringLimits = { bytesMax: 1_500, ageMs: 1e9 };

type Task = 'open' | 'repair' | 'state';

/** A signal node: its real room, of which what it says is handed to the clients of the simulation. */
export class SimNode implements RoomOwner {
  readonly id: string;
  readonly room: Room;
  readonly clients = new Set<SimClient>();
  /** Deliveries on their way. */
  inbox: WireBatch[] = [];
  readonly tasks = new Set<Task>(['open']);
  readonly #world: World;
  readonly #asking = new Map<SimClient, MissedReading>();
  /** Where the room was when something was said last. */
  #said: Place = nowhere;

  constructor(world: World, id: string) {
    this.#world = world;
    this.id = id;
    const clock = { nowMs: () => world.nowMs, monotonicMs: () => world.nowMs };
    const unused = { fanout: {} as Fanout, pressure: {} as Pressure, windowMsMax: 0 };
    this.room = new Room(roomId, { ...unused, clock, events, owner: this, ringLimits });
    Object.defineProperty(this.room.audience, 'say', {
      configurable: true,
      value: (item: Shared, place: Place) => this.#say(item, place),
    });
  }

  get isOpen(): boolean {
    return this.room.epoch !== 0;
  }

  get owner(): SimOwner | undefined {
    const { owner } = this.#world;
    return owner && owner.id === this.room.ownerId && this.room.status === 'open' ? owner : undefined;
  }

  repair(): void {
    this.tasks.add('repair');
  }

  readState(): void {
    if (this.#world.bug !== 'nodes trust versions') this.tasks.add('state');
  }

  reopen(): void {
    this.room.status = 'lost';
    this.tasks.add('open');
  }

  evict(connection: Connection): void {
    connection.bye({ code: 'TOO_SLOW', retryAfterMs: 0 }, 1013);
  }

  deliver(): boolean {
    const batch = this.inbox.shift();
    if (batch) this.room.accept(batch as unknown as RoomBatch);
    return batch !== undefined;
  }

  /** One call to the owner, which may be gone or another. */
  work(): boolean {
    const [task] = this.tasks;
    const { owner } = this.#world;
    if (!task || !owner) return false;
    this.tasks.delete(task);
    if (task === 'open') {
      if (this.room.opened(owner.open(this.id), owner.id)) this.repair();
    } else if (!this.owner) this.reopen();
    else if (task === 'state') this.room.stateRead(this.owner.readState({}));
    else if (!this.room.repaired(this.owner.readBatches(this.room.position))) this.repair();
    return true;
  }

  /** As sessions do: at once if it is here, otherwise when the owner has answered. */
  ask(client: SimClient, since: Position | undefined): void {
    const here = since ? this.room.missedSince(since) : nothingMissed;
    if (here) client.answered(this, here);
    else this.#asking.set(client, new MissedReading(since!));
  }

  forget(client: SimClient): void {
    this.clients.delete(client);
    this.#asking.delete(client);
  }

  isAsking(client: SimClient): boolean {
    return this.#asking.has(client);
  }

  /** One call for somebody who waits for what he has missed. */
  read(): boolean {
    const [first] = this.#asking;
    if (!first) return false;
    const [client, reading] = first;
    const { owner } = this;
    if (owner) reading.take(this.room, owner.readBatches(reading.place));
    if (owner && !reading.isDone) return true;
    this.#asking.delete(client);
    const isRash = this.#world.bug === 'a gap is told where nobody was asked';
    const unknown = isRash ? { batches: [], isComplete: false } : undefined;
    client.answered(this, (owner && reading.upTo(this.room)) ?? unknown);
    return true;
  }

  /** The bytes that bring a client to where the room is. */
  bring(client: SimClient, { batches }: Missed): void {
    for (const batch of batches) client.hear(batch.frameFor(formatOf(client)));
  }

  catchUp(client: SimClient): void {
    const connection = {
      missedAfter: client.missedAfter,
      group: { format: formatOf(client) },
      write: (bytes: Buffer) => client.hear(bytes),
      send: (message: ServerMessage) => client.hearMessage(message),
      bye: () => client.disconnect(),
    };
    this.room.catchUp(connection as unknown as Connection);
  }

  #say(item: Shared, place: Place): void {
    for (const client of this.clients) {
      if (client.isSlow) client.missedAfter ??= this.#said;
      else client.hear(item.frameFor(formatOf(client)));
    }
    this.#said = place;
  }
}

function formatOf({ tier }: SimClient): Format {
  return { tier, kind: anyKind, encoding: 'json' };
}

import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import { within } from '@gala/lib/timing';
import { commonErrors } from '@gala/protocol/errors';
import { partitionOfRoom } from '@gala/protocol/signals';
import type { InteractionConfig } from './config.ts';
import type { HowClosed } from './crowd/kept-rooms.ts';
import type { Deliveries } from './delivery.ts';
import type { DurableLane } from './durable/lane.ts';
import { numberAt, type DurableRecord } from './durable/record.ts';
import type { DurableTail } from './durable/tail.ts';
import type { InteractionEvents } from './events.ts';
import { notOwner, type Holding } from './partitions.ts';
import { RingBudget } from './room-ring.ts';
import type { RoomFacts, RoomSource } from './room-source.ts';
import { Room, type RoomParts } from './room.ts';
import type { Ticks } from './ticks.ts';

/** What is made for a room when it is opened. */
export interface PartsRequest {
  readonly facts: RoomFacts;
  readonly epoch: number;
  /** Of the lease by which it is owned. */
  readonly fence: number;
  /** There is something for the next tick. */
  readonly onChange: () => void;
}

export interface RoomsOptions {
  readonly clock: Clock;
  readonly config: InteractionConfig;
  readonly events: InteractionEvents;
  /** The partition, taken if it should be ours. Errors: NOT_OWNER. */
  readonly hold: (partition: number) => Promise<Holding>;
  readonly source: Pick<RoomSource, 'read'>;
  readonly ticks: Ticks;
  readonly deliveries: Deliveries;
  readonly tail: Pick<DurableTail, 'lastOf' | 'of'>;
  readonly openLane: (room: Room) => DurableLane;
  readonly openParts: (request: PartsRequest) => Promise<RoomParts>;
}

/** What a room has on its way when it is handed over waits so long. */
const leaveMsMax = 2500;

/** The rooms that are open here: each in a partition that is held. */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #budget: RingBudget;
  readonly #open = new Map<number, Room>();
  readonly #opening = new Map<number, Promise<Room>>();

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#budget = new RingBudget(options.config, options.events);
  }

  get size(): number {
    return this.#open.size;
  }

  get ringBytes(): number {
    return this.#budget.bytes;
  }

  /** An open room that may be spoken in. */
  find(roomId: number): Room | undefined {
    const room = this.#open.get(roomId);
    return room?.holding.isHeld ? room : undefined;
  }

  list(): Iterable<Room> {
    return this.#open.values();
  }

  /** Errors: NOT_OWNER, ROOM_SILENT, UNAVAILABLE. */
  async open(roomId: number): Promise<Room> {
    const room = this.find(roomId);
    if (room) return room;
    const known = this.#opening.get(roomId);
    if (known) return known;
    this.#assertRoom(roomId);
    const opening = this.#openNew(roomId).finally(() => this.#opening.delete(roomId));
    this.#opening.set(roomId, opening);
    return opening;
  }

  /** What was promised is known now: those who ask again are answered as before. */
  remember(room: Room): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const { id, draft } of this.#options.tail.of(room.roomId)) {
      if (id !== '') room.answersOf(id).set(id, { signalId: draft.signalId, isHeld: false }, nowMs);
    }
  }

  /** The log has it. */
  followed(roomId: number, record: DurableRecord): void {
    const room = this.#open.get(roomId);
    if (room?.epoch === record.epoch) room.lane.followed(record);
  }

  caughtUp(holding: Holding): void {
    for (const room of this.#of(holding)) {
      this.remember(room);
      room.knowsDurable(this.#durableNow(room.roomId));
    }
  }

  /** Everything that its rooms were told goes out; then they are closed. */
  async leave(holding: Holding): Promise<void> {
    const { ticks, deliveries } = this.#options;
    const rooms = this.#of(holding);
    const nodes = new Set(rooms.flatMap((room) => [...room.nodes.keys()]));
    const settled = async (): Promise<void> => {
      await Promise.all(rooms.map((room) => room.lane.settled()));
      await ticks.flush(rooms);
      await deliveries.settle(nodes);
      await Promise.all(rooms.map(({ parts }) => parts.crowd.close('idle')));
    };
    await within(leaveMsMax, settled(), () => undefined);
    for (const room of rooms) this.close(room, 'handed over');
  }

  /** At once: another may own them already. */
  lose(holding: Holding): void {
    for (const room of this.#of(holding)) this.close(room, 'lease lost');
  }

  close(room: Room, reason: string): void {
    if (room.isClosed) return;
    this.#options.deliveries.closeAll(room);
    room[Symbol.dispose]();
    void room.parts.crowd.close(howClosed(room));
    if (this.#open.get(room.roomId) === room) this.#open.delete(room.roomId);
    this.#options.events.roomClosed(room.roomId, reason);
  }

  /** No control and money of the room so far has a greater number. */
  #durableNow(roomId: number): number {
    const { tail, clock } = this.#options;
    return Math.max(tail.lastOf(roomId), numberAt(clock.nowMs()));
  }

  #of(holding: Holding): Room[] {
    return [...this.#open.values()].filter((room) => room.holding === holding);
  }

  /** Errors: UNAVAILABLE. */
  #assertRoom(roomId: number): void {
    const { config, events } = this.#options;
    if (this.#open.size + this.#opening.size < config.roomsMax) return;
    events.roomRefused(roomId);
    throw new CodedError(commonErrors, 'UNAVAILABLE', { detail: 'too many rooms', retryAfterSeconds: 5 });
  }

  async #openNew(roomId: number): Promise<Room> {
    const { events, hold, source, ticks, openLane, openParts } = this.#options;
    const holding = await hold(partitionOfRoom(roomId));
    const facts = await source.read(roomId);
    const epoch = holding.nextEpoch();
    let room: Room | undefined;
    const parts = await openParts({
      facts,
      epoch,
      fence: holding.lease.fence,
      onChange: () => room?.touch(),
    });
    if (!holding.isHeld) {
      parts.rulebook[Symbol.dispose]();
      void parts.crowd.close('lost');
      throw notOwner();
    }
    room = new Room({
      facts,
      holding,
      epoch,
      parts,
      budget: this.#budget,
      openLane,
      durable: holding.isCaughtUp ? this.#durableNow(roomId) : 0,
      onDirty: ticks.mark,
    });
    this.#open.set(roomId, room);
    room.announce(facts.announcement);
    this.remember(room);
    events.roomOpened(roomId, epoch);
    return room;
  }
}

function howClosed({ isEnded, holding }: Room): HowClosed {
  if (holding.lease.signal.aborted) return 'lost';
  return isEnded ? 'ended' : 'idle';
}

import type { Clock } from '@gala/lib/clock';
import { codeOf, CodedError, hasCode } from '@gala/lib/error';
import { commonErrors, signalErrors } from '@gala/protocol/errors';
import { partitionOfRoom, type Position } from '@gala/protocol/signals';
import type { SignalConfig } from './config.ts';
import type { Connection } from './connection.ts';
import type { SignalEvents } from './events.ts';
import type { Fanout } from './fanout.ts';
import { MissedReading, type Missed } from './missed.ts';
import { isPassing, type Owners } from './owners.ts';
import type { Pressure } from './pressure.ts';
import { Room, type RoomOwner, type RoomParts } from './room.ts';

export interface RoomsParts {
  readonly clock: Clock;
  readonly config: SignalConfig;
  readonly owners: Owners;
  readonly fanout: Fanout;
  readonly pressure: Pressure;
  readonly events: SignalEvents;
  /** A client of a room is too slow, or its room cannot be had. */
  readonly evict: (connection: Connection) => void;
  readonly onOwner: (room: Room) => void;
}

/** Rooms that are opened at once: when an owner has died it may be all of its rooms. */
const openingMax = 64;
const readMs = 2_000;
const readBatches = 500;
/** A repair of so many rounds has lost against what is said meanwhile, and is begun anew by the next batch. */
const repairRounds = 8;
/** How long somebody waits for a room to be opened. */
const waitMs = 5_000;

/** The rooms that have clients at this node, each open at its owner. */
export class Rooms implements RoomOwner {
  readonly #parts: RoomsParts;
  readonly #roomParts: RoomParts;
  readonly #rooms = new Map<number, Room>();
  readonly #waiting = new Map<Room, Set<(error?: unknown) => void>>();
  readonly #opening = new Set<Room>();
  /** Rooms that are to be opened when others have been. */
  readonly #queue = new Set<Room>();
  readonly #repairing = new Set<Room>();
  readonly #readingState = new Set<Room>();
  readonly #missed = new Map<string, Promise<MissedReading | undefined>>();
  /** Who was found to own a partition last. */
  readonly #ownerOfPartition = new Map<number, string>();
  readonly #closing = new AbortController();

  constructor(parts: RoomsParts) {
    this.#parts = parts;
    const { clock, config, fanout, pressure, events } = parts;
    const ringLimits = { bytesMax: config.ringBytesMax, ageMs: config.ringMs };
    this.#roomParts = {
      clock,
      fanout,
      pressure,
      events,
      windowMsMax: config.windowMsMax,
      ringLimits,
      owner: this,
    };
  }

  get size(): number {
    return this.#rooms.size;
  }

  get(roomId: number): Room | undefined {
    return this.#rooms.get(roomId);
  }

  [Symbol.iterator](): IterableIterator<Room> {
    return this.#rooms.values();
  }

  /** Bytes of batches that are kept for those who come back. */
  get ringBytes(): number {
    let sum = 0;
    for (const { ring } of this.#rooms.values()) sum += ring.bytes;
    return sum;
  }

  /**
   * The room, opened at its owner.
   * @param wantedMs how long it stays open at least without clients
   * @throws CodedError TOO_MANY_CONNECTIONS when no more rooms may be open here, UNAVAILABLE, and what its owner
   * decides: ROOM_SILENT
   */
  async open(roomId: number, wantedMs = 0): Promise<Room> {
    const room = this.#rooms.get(roomId) ?? this.#begin(roomId);
    const { clock, config } = this.#parts;
    room.wantedUntilMs = clock.monotonicMs() + Math.max(config.lingerMs, wantedMs);
    // One that has lost its owner has what was said until then; more comes when there is another.
    if (room.epoch === 0) await this.#whenOpen(room);
    return room;
  }

  evict(connection: Connection): void {
    this.#parts.evict(connection);
  }

  reopen(room: Room, reason: string): void {
    if (room.status === 'opening' || this.#rooms.get(room.id) !== room) return;
    this.#parts.events.roomLost(room.id, room.ownerId, reason);
    room.status = 'lost';
    this.#openSoon(room);
  }

  repair(room: Room): void {
    if (this.#repairing.has(room)) return;
    this.#repairing.add(room);
    this.#repair(room)
      .catch((error: unknown) => this.#ownerFailed(room, error))
      .finally(() => this.#repairing.delete(room));
  }

  readState(room: Room): void {
    if (this.#readingState.has(room) || room.status !== 'open') return;
    this.#readingState.add(room);
    const { client } = this.#parts.owners;
    client
      .readState({ roomId: BigInt(room.id) }, { member: room.ownerId, timeoutMs: readMs })
      .then((response) => room.stateRead(response))
      .catch((error: unknown) => this.#ownerFailed(room, error))
      .finally(() => this.#readingState.delete(room));
  }

  /**
   * What somebody who comes back has missed: from the own ring, or from the owner's.
   * Undefined when the owner cannot be asked, or is where this room is not yet: then nothing can be said of it.
   */
  async missedSince(room: Room, since: Position): Promise<Missed | undefined> {
    const here = room.missedSince(since);
    if (here) return here;
    const key = `${room.id}.${since.epoch}.${since.offset}.${since.durable}`;
    // Those who lost the same node come back with the same place.
    let asking = this.#missed.get(key);
    if (!asking) {
      asking = this.#readMissed(room, since).catch(() => undefined);
      this.#missed.set(key, asking);
      void asking.finally(() => setTimeout(() => this.#missed.delete(key), 500).unref());
    }
    const reading = await asking;
    return reading?.upTo(room);
  }

  /** Opens rooms anew whose owner has gone or is another by now. Call now and then. */
  async follow(): Promise<void> {
    const { owners } = this.#parts;
    const members = await owners.members();
    const present = new Set(members);
    const probed = new Set<number>();
    for (const room of this.#rooms.values()) {
      if (room.status !== 'open') continue;
      if (room.lacksDurable) this.repair(room);
      const partition = partitionOfRoom(room.id);
      const known = this.#ownerOfPartition.get(partition);
      if (!present.has(room.ownerId)) this.reopen(room, 'gone');
      else if (known !== room.ownerId) this.reopen(room, 'moved');
      else if (!probed.has(partition) && owners.expected(members, partition) !== room.ownerId) {
        // One room finds out whether its partition has moved; the others follow.
        probed.add(partition);
        this.reopen(room, 'to be moved');
      }
    }
  }

  /** Closes rooms that nobody has wanted for a while, and lets go of what is too old to come back to. */
  sweep(): void {
    const { clock, owners, events, config } = this.#parts;
    const nowMs = clock.monotonicMs();
    const wallMs = clock.nowMs();
    for (const room of this.#rooms.values()) {
      if (room.audience.size > 0) room.wantedUntilMs = nowMs + config.lingerMs;
      room.ring.trim(wallMs);
      if (room.wantedUntilMs > nowMs || this.#waiting.has(room)) continue;
      this.#drop(room);
      events.counters.roomsClosed++;
      if (room.ownerId) void owners.close(room.id, room.ownerId);
    }
    this.#boundRings();
  }

  [Symbol.dispose](): void {
    this.#closing.abort(new CodedError(signalErrors, 'NODE_DRAINS'));
    for (const room of this.#rooms.values()) this.#drop(room);
  }

  #begin(roomId: number): Room {
    if (this.#rooms.size >= this.#parts.config.roomsMax) {
      throw new CodedError(signalErrors, 'TOO_MANY_CONNECTIONS', { retryAfterSeconds: 5 });
    }
    const room = new Room(roomId, this.#roomParts);
    this.#rooms.set(roomId, room);
    this.#openSoon(room);
    return room;
  }

  #drop(room: Room): void {
    this.#rooms.delete(room.id);
    this.#queue.delete(room);
    room[Symbol.dispose]();
    this.#settle(room, new CodedError(signalErrors, 'NODE_DRAINS'));
  }

  #whenOpen(room: Room): Promise<void> {
    const listeners = this.#waiting.get(room) ?? new Set();
    this.#waiting.set(room, listeners);
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => {
        clearTimeout(timer);
        listeners.delete(done);
        if (listeners.size === 0) this.#waiting.delete(room);
        if (error === undefined) resolve();
        else reject(error);
      };
      const late = new CodedError(signalErrors, 'NODE_DRAINS', { retryAfterSeconds: 2 });
      const timer = setTimeout(done, waitMs, late);
      listeners.add(done);
    });
  }

  #settle(room: Room, error?: unknown): void {
    for (const done of this.#waiting.get(room) ?? []) done(error);
  }

  #openSoon(room: Room): void {
    if (this.#opening.has(room)) return;
    if (this.#opening.size >= openingMax) {
      this.#queue.add(room);
      return;
    }
    this.#opening.add(room);
    this.#open(room)
      .catch((error: unknown) => this.#refused(room, error))
      .finally(() => {
        this.#opening.delete(room);
        const [next] = this.#queue;
        if (!next) return;
        this.#queue.delete(next);
        this.#openSoon(next);
      });
  }

  /** Until it is open; rejects with what its owner decides. */
  async #open(room: Room): Promise<void> {
    const { owners, events } = this.#parts;
    const { signal } = this.#closing;
    const { backoff } = room;
    // An owner that opens a room and cannot be asked for the rest of it is not asked without a pause.
    if (room.wasOpenForLong) backoff.reset();
    else await backoff.wait(signal);
    while (this.#rooms.get(room.id) === room) {
      try {
        const { response, ownerId } = await owners.open(room.id);
        events.answered('open');
        if (this.#rooms.get(room.id) !== room) return void owners.close(room.id, ownerId);
        return this.#opened(room, ownerId, room.opened(response, ownerId));
      } catch (error) {
        if (!isPassing(error)) throw error;
        events.roomOpenFailed(room.id, error);
        // A room that waits long makes place for others.
        await backoff.wait(signal);
      }
    }
  }

  #opened(room: Room, ownerId: string, isBehind: boolean): void {
    this.#ownerOfPartition.set(partitionOfRoom(room.id), ownerId);
    this.#parts.events.roomOpened(room.id, ownerId, room.epoch);
    this.#settle(room);
    this.#parts.onOwner(room);
    if (isBehind) this.repair(room);
  }

  /** There is nothing to hear in this room, or not for us. */
  #refused(room: Room, error: unknown): void {
    if (this.#rooms.get(room.id) !== room) return;
    this.#parts.events.roomOpenFailed(room.id, error);
    this.#settle(room, error);
    for (const connection of room.audience) connection.bye({ code: codeOf(error), retryAfterMs: 0 }, 1008);
    this.#drop(room);
  }

  async #repair(room: Room): Promise<void> {
    for (let round = 0; round < repairRounds && room.status === 'open'; round++) {
      if (room.lacksDurable)
        room.recall(await this.#read(room, { ...room.position, epoch: 0, offset: 0 }, 1));
      const response = await this.#read(room, room.position, readBatches);
      if (room.repaired(response)) return;
    }
  }

  /** Reads on until it has reached what is here. */
  async #readMissed(room: Room, since: Position): Promise<MissedReading> {
    const reading = new MissedReading(since);
    while (!reading.isDone) {
      const response = await this.#read(room, reading.place, readBatches);
      if (response.durablePending) throw new CodedError(commonErrors, 'UNAVAILABLE');
      reading.take(room, response);
    }
    return reading;
  }

  #read(room: Room, { epoch, offset, durable }: Position, limit: number) {
    const place = { epoch: BigInt(epoch), after: BigInt(offset), afterDurable: BigInt(durable) };
    const request = { roomId: BigInt(room.id), ...place, limit };
    return this.#parts.owners.client.readBatches(request, { member: room.ownerId, timeoutMs: readMs });
  }

  #ownerFailed(room: Room, error: unknown): void {
    if (hasCode(error, 'ROOM_SILENT')) this.#refused(room, error);
    else this.reopen(room, codeOf(error));
  }

  /** The rings of all rooms together: the largest are emptied first. */
  #boundRings(): void {
    let excess = this.ringBytes - this.#parts.config.ringsBytesMax;
    if (excess <= 0) return;
    const largest = [...this.#rooms.values()].toSorted((one, other) => other.ring.bytes - one.ring.bytes);
    for (const { ring, offset } of largest) {
      if (excess <= 0) return;
      excess -= ring.bytes;
      ring.reset(offset);
      this.#parts.events.counters.ringEvictions++;
    }
  }
}

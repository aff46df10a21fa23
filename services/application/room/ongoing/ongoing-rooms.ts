import type { Clock } from '@gala/lib/clock';
import type { Metrics } from '@gala/lib/metrics';
import type { Database, Sql } from '@gala/lib/sql';
import { shardOfRoom } from '@gala/protocol/ids';
import type { RoomConfig } from '../config.ts';
import { isOnAir, type Room } from '../room.ts';
import { scanChanged, scanOnAir } from '../store/ongoing.ts';
import { Departed } from './departed.ts';
import { RoomTable, type OngoingRoom, type OngoingRow, type Rank } from './room-table.ts';
import { Suspects } from './suspects.ts';

export interface OngoingParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'ongoingRoomsMax'>;
  readonly metrics: Metrics;
}

/** What a walk tells of a room. */
export type WalkedRoom = Readonly<Pick<OngoingRoom, 'roomId' | 'epoch' | 'version' | 'startedAtMs'>>;

/** What one full refresh came to. */
export interface Refreshed {
  readonly durationMs: number;
  /** Databases that were not read: their rooms are as they were. */
  readonly failures: readonly unknown[];
}

const counterNames = [
  /** Changes that were newer than what was known. */
  'changes',
  /** Changes that were not: told again, or out of date. */
  'repeats',
  'refreshes',
  'refreshesFailed',
  /** Rooms that a refresh found other than the change feed had told. */
  'mismatches',
  /** Rooms that did not fit. */
  'refused',
] as const;

/**
 * The rooms on air, of all databases, in memory. A full refresh makes the set, the change feed keeps it, and whoever
 * commits a change in this process tells it at once. Versions decide, so all of these may come in any order, late and
 * more than once. It is eventually what the databases say: what depends on the truth asks them.
 */
export class OngoingRooms {
  readonly #parts: OngoingParts;
  readonly #table: RoomTable;
  readonly #departed = new Departed();
  readonly #suspects: Suspects;
  readonly #counters: Record<(typeof counterNames)[number], number>;
  readonly #scanned = new Set<string>();
  #generation = 1;
  #refreshing: Promise<Refreshed> | undefined;
  #next: Promise<Refreshed> | undefined;

  constructor(parts: OngoingParts) {
    this.#parts = parts;
    this.#table = new RoomTable(parts.config.ongoingRoomsMax);
    this.#suspects = new Suspects(parts.clock);
    const { metrics } = parts;
    this.#counters = metrics.counters('room_ongoing', counterNames);
    metrics.gauge('gala_room_ongoing_rooms', 'rooms on air as this process knows them', () => this.size);
  }

  get size(): number {
    return this.#table.size;
  }

  /** Rooms that may be listed. */
  get publicCount(): number {
    return this.#table.publicCount;
  }

  /** True when every database has been read since the start. */
  get isComplete(): boolean {
    return this.#parts.sql.shards().every(({ name }) => this.#scanned.has(name));
  }

  has(roomId: number): boolean {
    return this.#table.find(roomId) !== -1;
  }

  get(roomId: number): OngoingRoom | undefined {
    return this.#table.get(roomId);
  }

  /**
   * The rooms of partition `index` of `of`, which depends on the id alone. The walk may take its time: a room that is
   * on air all the while comes exactly once. Nothing is copied: what it hands out is one object, good until the next.
   */
  *partition(index: number, of: number): Generator<WalkedRoom> {
    const table = this.#table;
    const walked = { roomId: 0, epoch: 0, version: 0, startedAtMs: 0 };
    for (let slot = table.next(-1, index, of); slot !== -1; slot = table.next(slot, index, of)) {
      walked.roomId = table.idAt(slot);
      walked.epoch = table.epochAt(slot);
      walked.version = table.versionAt(slot);
      walked.startedAtMs = table.startedAtMsAt(slot);
      yield walked;
    }
  }

  /** Public rooms on air of an area. */
  publicCountOf(areaId: string): number {
    return this.#table.publicCountOf(areaId);
  }

  /** The public rooms that rank next after a place, by viewers; of one area alone when it is given. */
  ranked(after: Rank, limit: number, areaId?: string): OngoingRoom[] {
    return this.#table.ranked(after, limit, areaId).map((slot) => this.#table.roomAt(slot));
  }

  setViewers(roomId: number, viewers: number): void {
    const slot = this.#table.find(roomId);
    if (slot !== -1) this.#table.setViewers(slot, viewers);
  }

  /** A change that this process has committed. */
  note(room: Room): void {
    if (room.version === 0) return;
    const { roomId, version, epoch, startedAtMs, edgeId, areaId } = room;
    const isHeld = room.state === 'hold';
    const isPublic = room.visibility === 'public';
    const title = Buffer.from(room.title);
    this.#apply(
      { roomId, version, epoch, startedAtMs, isHeld, isPublic, edgeId, areaId, title },
      isOnAir(room),
    );
  }

  /** A change as the feed tells it. False when it was known. */
  tell(row: OngoingRow, isRoomOnAir: boolean): boolean {
    this.#suspects.told(row.roomId, row.version);
    return this.#apply(row, isRoomOnAir);
  }

  /**
   * Reads all databases anew. One that is asked for while another is under way begins after it: what led to it may
   * have happened after that one had looked. Never fails; what could not be read is in the answer.
   * @param isFed whether the feed should have told all that it finds
   */
  refresh(isFed = false): Promise<Refreshed> {
    if (!this.#refreshing) return this.#begin(isFed);
    this.#next ??= this.#refreshing.then(() => {
      this.#next = undefined;
      return this.#begin(isFed);
    });
    return this.#next;
  }

  /** Counts what the feed has missed, once it is certain; answers how many rooms. */
  countMissed(): number {
    const missed = this.#suspects.takeMissed();
    this.#counters.mismatches += missed;
    return missed;
  }

  #begin(isFed: boolean): Promise<Refreshed> {
    this.#refreshing = this.#refresh(isFed).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refresh(isFed: boolean): Promise<Refreshed> {
    const { sql, clock } = this.#parts;
    const startMs = clock.monotonicMs();
    this.#generation++;
    this.#departed.turn();
    const settled = await Promise.allSettled(sql.shards().map((database) => this.#scan(database, isFed)));
    const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    this.#counters.refreshes++;
    if (failures.length > 0) this.#counters.refreshesFailed++;
    return { durationMs: clock.monotonicMs() - startMs, failures };
  }

  /** What the scan of a database does not show and nobody told of meanwhile is not on air. */
  async #scan(database: Database, isFed: boolean): Promise<void> {
    const visit = (row: OngoingRow): void => this.#found(row, isFed);
    const knows = (roomId: number, version: number): boolean => this.#knows(roomId, version);
    const isFirst = !this.#scanned.has(database.name);
    const isOwned = await (isFirst ? scanOnAir(database, visit) : scanChanged(database, knows, visit));
    const table = this.#table;
    for (let slot = table.next(-1); slot !== -1; slot = table.next(slot)) {
      if (table.stampAt(slot) === this.#generation) continue;
      const roomId = table.idAt(slot);
      if (isOwned[shardOfRoom(roomId)] === 0) continue;
      const version = table.versionAt(slot);
      if (isFed) this.#suspects.add(roomId, version + 1);
      this.#remove(slot, version);
    }
    this.#scanned.add(database.name);
  }

  #found(row: OngoingRow, isFed: boolean): void {
    if (this.#knows(row.roomId, row.version)) return;
    if (isFed) this.#suspects.add(row.roomId, row.version);
    this.#put(row);
  }

  /**
   * Whether a room that a scan shows on air is known as it is, or as it became since. What was told since the refresh
   * began may be newer; what was known before is not, unless the database went back to an older state, and then the
   * database is right.
   */
  #knows(roomId: number, version: number): boolean {
    const table = this.#table;
    const slot = table.find(roomId);
    if (slot === -1) return this.#departed.leftSinceTurn(roomId, version);
    const known = table.versionAt(slot);
    const isTold = table.stampAt(slot) === this.#generation;
    if (known !== version && !(isTold && known > version)) return false;
    table.stamp(slot, this.#generation);
    return true;
  }

  #apply(row: OngoingRow, isRoomOnAir: boolean): boolean {
    const slot = this.#table.find(row.roomId);
    const isKnown =
      slot === -1 ? this.#departed.has(row.roomId, row.version) : this.#table.versionAt(slot) >= row.version;
    if (isKnown) {
      this.#counters.repeats++;
      return false;
    }
    this.#counters.changes++;
    if (isRoomOnAir) this.#put(row);
    else if (slot === -1) this.#departed.add(row.roomId, row.version);
    else this.#remove(slot, row.version);
    return true;
  }

  #put(row: OngoingRow): void {
    if (!this.#table.put(row, this.#generation)) this.#counters.refused++;
  }

  #remove(slot: number, version: number): void {
    this.#departed.add(this.#table.idAt(slot), version);
    this.#table.remove(slot);
  }
}

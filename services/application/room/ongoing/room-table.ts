import { hostOfRoom, routeOfRoom } from '@gala/protocol/ids';
import type { Visibility } from '../room.ts';
import { RoomIndex } from './room-index.ts';
import { Titles } from './titles.ts';

/** A room on air as it is read or told; `title` is UTF-8. One object may be filled again for each row. */
export interface OngoingRow {
  roomId: number;
  version: number;
  epoch: number;
  startedAtMs: number;
  isHeld: boolean;
  isPublic: boolean;
  edgeId: string;
  /** Empty for none. */
  areaId: string;
  title: Uint8Array;
}

export interface OngoingRoom {
  readonly roomId: number;
  readonly hostId: number;
  readonly version: number;
  readonly epoch: number;
  readonly startedAtMs: number;
  readonly state: 'live' | 'hold';
  readonly visibility: Visibility;
  readonly edgeId: string;
  readonly areaId: string;
  readonly title: string;
  /** As they were counted last. */
  readonly viewers: number;
}

/** A place in the ranking by viewers: rooms after it have fewer, or as many and a smaller id. */
export interface Rank {
  readonly viewers: number;
  readonly roomId: number;
}

const slotsFirst = 1024;
const heldFlag = 1;
const publicFlag = 2;

/** The columns of one capacity. A free slot has the id 0. */
function columnsOf(slots: number) {
  return {
    ids: new Float64Array(slots),
    versions: new Float64Array(slots),
    epochs: new Float64Array(slots),
    startedAtMs: new Float64Array(slots),
    routes: new Uint32Array(slots),
    stamps: new Uint32Array(slots),
    viewers: new Int32Array(slots),
    edges: new Uint32Array(slots),
    areas: new Uint32Array(slots),
    titleOffsets: new Uint32Array(slots),
    titleLengths: new Uint16Array(slots),
    flags: new Uint8Array(slots),
  };
}
type Columns = ReturnType<typeof columnsOf>;

/**
 * Rooms on air in typed arrays: about 64 bytes a room and its title. A room keeps its slot as long as it is here, so
 * whoever walks the slots sees each room that is here all the while exactly once, however long the walk takes and
 * whatever changes meanwhile.
 */
export class RoomTable {
  readonly #roomsMax: number;
  readonly #titles = new Titles();
  readonly #edges = new Names();
  readonly #areas = new Names();
  /** Public rooms by the number of their area. */
  readonly #publicOfArea: number[] = [];
  readonly #index = new RoomIndex((slot) => this.#columns.ids[slot]);
  readonly #free: number[] = [];
  #columns: Columns = columnsOf(slotsFirst);
  #slotsUsed = 0;
  #publicCount = 0;

  constructor(roomsMax: number) {
    this.#roomsMax = roomsMax;
  }

  get size(): number {
    return this.#index.size;
  }

  /** Rooms that may be listed. */
  get publicCount(): number {
    return this.#publicCount;
  }

  /** Of them those of an area. */
  publicCountOf(areaId: string): number {
    return this.#publicOfArea[this.#areas.find(areaId)] ?? 0;
  }

  /** The slot of a room, -1 when it is not here. */
  find(roomId: number): number {
    return this.#index.find(roomId);
  }

  /** Writes a room over what was here of it, marked with `stamp`. False when the table is full. */
  put(row: OngoingRow, stamp: number): boolean {
    const found = this.find(row.roomId);
    if (found === -1 && this.size >= this.#roomsMax) return false;
    const slot = found === -1 ? this.#take(row.roomId) : found;
    const columns = this.#columns;
    this.#countPublic(slot, -1);
    columns.versions[slot] = row.version;
    columns.epochs[slot] = row.epoch;
    columns.startedAtMs[slot] = row.startedAtMs;
    columns.flags[slot] = (row.isHeld ? heldFlag : 0) | (row.isPublic ? publicFlag : 0);
    columns.stamps[slot] = stamp;
    this.#edges.drop(columns.edges[slot]);
    columns.edges[slot] = this.#edges.add(row.edgeId);
    this.#areas.drop(columns.areas[slot]);
    columns.areas[slot] = this.#areas.add(row.areaId);
    this.#countPublic(slot, 1);
    this.#putTitle(slot, row.title);
    return true;
  }

  remove(slot: number): void {
    const columns = this.#columns;
    this.#countPublic(slot, -1);
    this.#index.remove(columns.ids[slot]);
    this.#titles.drop(columns.titleLengths[slot]);
    this.#edges.drop(columns.edges[slot]);
    this.#areas.drop(columns.areas[slot]);
    for (const column of Object.values(columns)) column[slot] = 0;
    this.#free.push(slot);
  }

  get(roomId: number): OngoingRoom | undefined {
    const slot = this.find(roomId);
    return slot === -1 ? undefined : this.roomAt(slot);
  }

  roomAt(slot: number): OngoingRoom {
    const { ids, versions, epochs, startedAtMs, flags, edges, viewers } = this.#columns;
    const { titleOffsets, titleLengths, areas } = this.#columns;
    return {
      roomId: ids[slot],
      hostId: hostOfRoom(ids[slot]),
      version: versions[slot],
      epoch: epochs[slot],
      startedAtMs: startedAtMs[slot],
      state: (flags[slot] & heldFlag) === 0 ? 'live' : 'hold',
      visibility: (flags[slot] & publicFlag) === 0 ? 'private' : 'public',
      edgeId: this.#edges.at(edges[slot]),
      areaId: this.#areas.at(areas[slot]),
      title: this.#titles.read(titleOffsets[slot], titleLengths[slot]),
      viewers: viewers[slot],
    };
  }

  idAt(slot: number): number {
    return this.#columns.ids[slot];
  }

  versionAt(slot: number): number {
    return this.#columns.versions[slot];
  }

  epochAt(slot: number): number {
    return this.#columns.epochs[slot];
  }

  startedAtMsAt(slot: number): number {
    return this.#columns.startedAtMs[slot];
  }

  stampAt(slot: number): number {
    return this.#columns.stamps[slot];
  }

  stamp(slot: number, stamp: number): void {
    this.#columns.stamps[slot] = stamp;
  }

  viewersAt(slot: number): number {
    return this.#columns.viewers[slot];
  }

  setViewers(slot: number, viewers: number): void {
    this.#columns.viewers[slot] = viewers;
  }

  /** The next slot with a room of partition `index` of `of`; -1 after the last. Begin with -1. */
  next(slot: number, index = 0, of = 1): number {
    const { ids, routes } = this.#columns;
    for (let each = slot + 1; each < this.#slotsUsed; each++) {
      if (ids[each] !== 0 && routes[each] % of === index) return each;
    }
    return -1;
  }

  /** Slots of the `limit` public rooms that rank next after a place, best first: one pass, nothing sorted but these. */
  ranked(after: Rank, limit: number, areaId?: string): number[] {
    const { ids, viewers, flags, areas } = this.#columns;
    const area = areaId === undefined ? undefined : this.#areas.find(areaId);
    const best: number[] = [];
    const isBefore = (a: number, b: number): boolean =>
      viewers[a] > viewers[b] || (viewers[a] === viewers[b] && ids[a] > ids[b]);
    for (let slot = 0; slot < this.#slotsUsed; slot++) {
      if ((flags[slot] & publicFlag) === 0 || (area !== undefined && areas[slot] !== area)) continue;
      const count = viewers[slot];
      const isAfter = count < after.viewers || (count === after.viewers && ids[slot] < after.roomId);
      if (!isAfter) continue;
      if (best.length === limit && !isBefore(slot, best[limit - 1])) continue;
      if (best.length === limit) best.pop();
      let place = best.length;
      while (place > 0 && isBefore(slot, best[place - 1])) place--;
      best.splice(place, 0, slot);
    }
    return best;
  }

  #countPublic(slot: number, by: 1 | -1): void {
    const { flags, areas } = this.#columns;
    if ((flags[slot] & publicFlag) === 0) return;
    this.#publicCount += by;
    this.#publicOfArea[areas[slot]] = (this.#publicOfArea[areas[slot]] ?? 0) + by;
  }

  #take(roomId: number): number {
    const slot = this.#free.pop() ?? this.#slotsUsed++;
    if (slot >= this.#columns.ids.length) this.#grow();
    this.#columns.ids[slot] = roomId;
    this.#columns.routes[slot] = routeOfRoom(roomId);
    this.#index.add(roomId, slot);
    return slot;
  }

  #putTitle(slot: number, title: Uint8Array): void {
    const { titleOffsets, titleLengths } = this.#columns;
    if (this.#titles.equals(titleOffsets[slot], titleLengths[slot], title)) return;
    this.#titles.drop(titleLengths[slot]);
    titleOffsets[slot] = this.#titles.add(title);
    titleLengths[slot] = title.length;
    if (!this.#titles.isWasteful) return;
    this.#titles.compact((move) => {
      for (let each = 0; each < this.#slotsUsed; each++) {
        if (titleLengths[each] > 0) titleOffsets[each] = move(titleOffsets[each], titleLengths[each]);
      }
    });
  }

  #grow(): void {
    const larger = columnsOf(2 * this.#columns.ids.length);
    for (const [name, column] of Object.entries(this.#columns)) larger[name as keyof Columns].set(column);
    this.#columns = larger;
  }
}

/** Names that many rooms share, by number; 0 is the empty one. A name that nobody has any more gives its number back. */
class Names {
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #names: string[] = [''];
  readonly #users: number[] = [0];
  readonly #free: number[] = [];

  add(name: string): number {
    const number = this.#numbers.get(name) ?? this.#make(name);
    this.#users[number]++;
    return number;
  }

  drop(number: number): void {
    if (number === 0 || --this.#users[number] > 0) return;
    this.#numbers.delete(this.#names[number]);
    this.#free.push(number);
  }

  /** -1 when nobody has the name. */
  find(name: string): number {
    return this.#numbers.get(name) ?? -1;
  }

  at(number: number): string {
    return this.#names[number];
  }

  #make(name: string): number {
    const number = this.#free.pop() ?? this.#names.length;
    this.#names[number] = name;
    this.#users[number] = 0;
    this.#numbers.set(name, number);
    return number;
  }
}

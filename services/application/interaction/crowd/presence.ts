import { attendanceNamesMax, type RoomState } from '@gala/protocol/signals';
import type { Attendance, Connection, Draft, Noted, RoomPresence, Speaker } from '../types.ts';
import { Enters } from './enters.ts';
import { defaultPresenceLimits, type PresenceBudget, type PresenceLimits } from './presence-limits.ts';
import { isSampled, userKeyOf, type PresentUser } from './users.ts';

export const presenceCounterNames = ['sampled', 'unlocated', 'mismatched'] as const;
export type PresenceCounters = Record<(typeof presenceCounterNames)[number], number>;

export interface PresenceParts {
  readonly budget: PresenceBudget;
  readonly counters: PresenceCounters;
  readonly limits?: PresenceLimits;
}

interface NodePresence {
  readonly id: string;
  /** As the node says. */
  connections: number;
  /** Of connections of which the user is known. */
  readonly users: Map<number, PresentUser>;
  askedAtMs: number;
  /** A whole report is under way: those who are named were there already. */
  isCatchingUp: boolean;
}

/** Users looked at again in one report, at least, when the sample has become smaller. */
const sweepMin = 2000;
/** A node whose reports never agree is not asked for whole ones all the time. */
const askEveryMs = 5000;

/**
 * Who is in one room, from what its nodes say. Of so many connections the users are known one by one, by which they
 * are counted and found; above that of every second user, every fourth and so on, and the count is that of the
 * connections, which stays exact, times users for each connection of the sample. Those with a role are always known.
 */
export class Presence implements RoomPresence, Disposable {
  readonly #parts: PresenceParts;
  readonly #limits: PresenceLimits;
  readonly #enters: Enters;
  readonly #nodes = new Map<string, NodePresence>();
  readonly #users = new Map<number | string, PresentUser>();
  /** Connections, and those of which the user is known. */
  #connections = 0;
  #known = 0;
  /** One user in 2^halvings is in the sample. */
  #halvings = 0;
  #sweep: Iterator<PresentUser> | undefined;
  #toldAtMs = -Infinity;
  #told: RoomState['viewers'] | undefined;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? defaultPresenceLimits;
    const { entersPerSecondMax: perSecondMax, awayMs } = this.#limits;
    this.#enters = new Enters({ perSecondMax, awayMs });
  }

  [Symbol.dispose](): void {
    this.#parts.budget.connections -= this.#known;
    this.#known = 0;
  }

  /** Of all nodes, exactly. */
  get connections(): number {
    return this.#connections;
  }

  get viewers(): RoomState['viewers'] {
    if (this.#known === this.#connections) return { count: this.#users.size, isApproximate: false };
    const usersEach = this.#known === 0 ? 1 : this.#users.size / this.#known;
    return { count: Math.round(this.#connections * usersEach), isApproximate: true };
  }

  /** In a whole report are those who were there already: they do not enter. It may go on in the next ones. */
  report(nodeId: string, told: Attendance, nowMs: number): Noted {
    const node = this.#nodeOf(nodeId);
    if (told.isWhole) this.#keepOnly(node, told, nowMs);
    node.isCatchingUp ||= told.isWhole;
    const enters: Draft[] = [];
    for (const { connection, speaker } of told.joined) {
      const isNew = this.#join(node, connection, speaker);
      const enter = isNew && !node.isCatchingUp ? this.#enters.came(speaker, nowMs) : undefined;
      if (enter) enters.push(enter);
    }
    for (const connection of told.left) this.#leave(node, connection, nowMs);
    this.#connections += told.connections - node.connections;
    node.connections = told.connections;
    this.#resample(told.joined.length);
    const wantsWhole = this.#wantsWhole(node, told, nowMs);
    if (told.connections === 0) this.drop(nodeId, nowMs);
    return { enters, wantsWhole };
  }

  /** The node is lost, or has closed the room. */
  drop(nodeId: string, nowMs: number): void {
    const node = this.#nodes.get(nodeId);
    if (!node) return;
    for (const connection of node.users.keys()) this.#leave(node, connection, nowMs);
    this.#connections -= node.connections;
    this.#nodes.delete(nodeId);
  }

  nodes(): IterableIterator<string> {
    return this.#nodes.keys();
  }

  /** Where a user is reached; counts when he may be here without being known. */
  find(userId: number): readonly Connection[] {
    const places = this.#users.get(userId)?.places;
    if (!places && this.#known < this.#connections) this.#parts.counters.unlocated++;
    return places ?? [];
  }

  /** What is to be told of the number of viewers: undefined when it is known well enough, or was told just now. */
  takeViewers(nowMs: number): RoomState['viewers'] | undefined {
    const sinceMs = Math.abs(nowMs - this.#toldAtMs);
    if (sinceMs < this.#limits.viewersEveryMs) return undefined;
    const { viewers } = this;
    const told = this.#told ?? { count: 0, isApproximate: false };
    const noise = sinceMs < this.#limits.viewersSettledMs ? this.#limits.viewersNoise * told.count : 0;
    const isNear = Math.abs(viewers.count - told.count) <= noise;
    if (this.#told && isNear && viewers.isApproximate === told.isApproximate) return undefined;
    this.#toldAtMs = nowMs;
    this.#told = viewers;
    return viewers;
  }

  #nodeOf(id: string): NodePresence {
    let node = this.#nodes.get(id);
    if (!node)
      this.#nodes.set(
        id,
        (node = { id, connections: 0, users: new Map(), askedAtMs: -Infinity, isCatchingUp: false }),
      );
    return node;
  }

  #keepOnly(node: NodePresence, { joined }: Attendance, nowMs: number): void {
    const here = new Set(joined.map(({ connection }) => connection));
    for (const connection of node.users.keys()) {
      if (!here.has(connection)) this.#leave(node, connection, nowMs);
    }
  }

  /** Whether the user was not here before, as far as is known. */
  #join(node: NodePresence, connection: number, speaker: Speaker): boolean {
    if (node.users.has(connection)) return false;
    const key = userKeyOf(speaker);
    let user = this.#users.get(key);
    const isNew = user === undefined;
    if (!user && !this.#hasPlaceFor(key, speaker)) {
      this.#parts.counters.sampled++;
      return true;
    }
    if (!user) this.#users.set(key, (user = { key, isStaff: isStaff(speaker), places: [] }));
    user.places.push({ node: node.id, connection });
    node.users.set(connection, user);
    this.#know(1);
    return isNew;
  }

  #leave(node: NodePresence, connection: number, nowMs: number): void {
    const user = node.users.get(connection);
    if (!user) return;
    node.users.delete(connection);
    this.#know(-1);
    const at = user.places.findIndex((place) => place.connection === connection && place.node === node.id);
    user.places.splice(at, 1);
    if (user.places.length > 0) return;
    this.#users.delete(user.key);
    this.#enters.went(user.key, nowMs);
  }

  #know(change: 1 | -1): void {
    this.#known += change;
    this.#parts.budget.connections += change;
  }

  #hasPlaceFor(key: number | string, speaker: Speaker): boolean {
    return isStaff(speaker) || (!this.#isFull && isSampled(key, this.#halvings));
  }

  get #isFull(): boolean {
    const { roomConnectionsMax, roomConnectionsMin } = this.#limits;
    if (this.#known >= roomConnectionsMax) return true;
    return this.#parts.budget.isSpent && this.#known >= roomConnectionsMin;
  }

  /** Halves the sample of a room that is full, a part in each report, and takes all again when there is place. */
  #resample(joined: number): void {
    if (!this.#sweep && this.#isFull) {
      this.#halvings++;
      this.#sweep = this.#users.values();
    }
    if (this.#sweep) this.#sweepSome(Math.max(sweepMin, 2 * joined));
    else if (this.#halvings > 0 && this.#isRoomy()) this.#halvings = 0;
  }

  #isRoomy(): boolean {
    const { budget } = this.#parts;
    const unknown = this.#connections - this.#known;
    return this.#connections < this.#limits.roomConnectionsMax / 2 && budget.hasPlaceFor(unknown);
  }

  #sweepSome(most: number): void {
    for (let looked = 0; looked < most; looked++) {
      const { value: user, done } = this.#sweep!.next();
      if (done) return void (this.#sweep = undefined);
      if (user.isStaff || isSampled(user.key, this.#halvings)) continue;
      this.#users.delete(user.key);
      for (const { node, connection } of user.places) {
        this.#nodes.get(node)!.users.delete(connection);
        this.#know(-1);
      }
    }
  }

  /** A node of which not all is known, though it has nothing more to name, is asked for all now and then. */
  #wantsWhole(node: NodePresence, { joined, left }: Attendance, nowMs: number): boolean {
    if (Math.max(joined.length, left.length) >= attendanceNamesMax) return false;
    node.isCatchingUp = false;
    if (node.users.size === node.connections || this.#halvings > 0) return false;
    if (Math.abs(nowMs - node.askedAtMs) < askEveryMs) return false;
    node.askedAtMs = nowMs;
    this.#parts.counters.mismatched++;
    return true;
  }
}

function isStaff({ role }: Speaker): boolean {
  return role !== 'viewer';
}

import { tiers } from '@gala/protocol/signals';
import { Backlog, type Place } from './backlog.ts';
import type { Connection } from './connection.ts';
import type { SignalEvents } from './events.ts';
import type { Fanout, FanoutJob } from './fanout.ts';
import { Group } from './group.ts';
import type { Kind } from './kinds.ts';
import type { Pressure } from './pressure.ts';
import { encodings, type Encoding, type Shared } from './shared.ts';

export interface AudienceParts {
  readonly fanout: Fanout;
  readonly pressure: Pressure;
  readonly events: SignalEvents;
  readonly windowMsMax: number;
}

/** What an audience asks of its room. */
export interface AudienceHost {
  /** Sends what was left out since `connection.missedAfter`. */
  catchUp(connection: Connection): void;
  evict(connection: Connection): void;
}

/** A fan-out to so many takes the part of the second that is left for others: 10 µs a write, half of the time. */
const windowMsPerConnection = 0.01;
/** Smaller rooms wait for nothing. */
const windowedConnections = 2_000;
/** So many clients get what was said until it is their turn; a large room has many slices, and its last none late. */
const sliceConnections = 1_024;
/** More than these are looked through for such as nobody is in any more. */
const groupsMax = 32;
/** Making the bytes of one format costs as much as so many writes. */
const writesPerFormat = 8;

/**
 * The clients of one room. What is said goes to all of them in passes, in one write each: those of the same format share
 * the bytes. What comes while a pass is under way goes with it to the slices that are still to come, and to the others
 * with the next pass: so nobody waits for longer than a pass takes, and not for the pass before as well.
 */
export class Audience implements FanoutJob {
  readonly #parts: AudienceParts;
  readonly #host: AudienceHost;
  readonly #groups = new Map<number, Group>();
  readonly #backlog = new Backlog();
  #members: Connection[] = [];
  #size = 0;
  /** A pass is under way: the next member, the end of its slice, and up to which number that slice gets. */
  #isPassing = false;
  #next = 0;
  #sliceEnd = 0;
  #sliceTo = 0;
  /** When the last pass began, and up to which number its first slice got. */
  #beganMs = 0;
  #firstTo = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: AudienceParts, host: AudienceHost) {
    this.#parts = parts;
    this.#host = host;
  }

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Generator<Connection> {
    for (const connection of this.#members) if (!connection.closed) yield connection;
  }

  /** From now on it gets what is said. */
  add(connection: Connection, kind: Kind): void {
    connection.group = this.#groupOf(this.#parts.pressure.tierOf(connection), kind, connection.encoding);
    this.isUpToDate(connection);
    this.#members.push(connection);
    this.#size++;
  }

  /** It has all that was said. */
  isUpToDate(connection: Connection): void {
    connection.after = this.#backlog.count;
    connection.missedAfter = undefined;
  }

  /** Call once, when the connection has closed. */
  remove(): void {
    this.#size--;
    const gone = this.#members.length - this.#size;
    if (this.isDone && (gone > 64 || this.#size === 0)) this.#compact();
  }

  /** @param place of the room when it was said */
  say(item: Shared, place: Place): void {
    this.#backlog.add(item, place);
    if (this.#size === 0) this.#backlog.drop(this.#backlog.count);
    else if (this.isDone) this.#passSoon();
  }

  get isDone(): boolean {
    return !this.#isPassing;
  }

  advance(budget: number, nowMs: number): number {
    let cost = 0;
    const { length } = this.#members;
    while (cost < budget && this.#next < length) {
      if (this.#next >= this.#sliceEnd) this.#beginSlice();
      const connection = this.#members[this.#next++];
      if (!connection.closed && connection.after < this.#sliceTo) cost += this.#deliver(connection, nowMs);
    }
    if (this.#next >= this.#members.length) this.#isPassing = false;
    return cost;
  }

  finish(): void {
    this.#backlog.drop(this.#firstTo);
    if (this.#members.length - this.#size > 64) this.#compact();
    if (!this.#backlog.isEmpty) this.#passSoon();
    else for (const group of this.#groups.values()) group.forget();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#backlog.drop(this.#backlog.count);
  }

  /** Answers what it cost, in writes. */
  #deliver(connection: Connection, nowMs: number): number {
    const { pressure, events } = this.#parts;
    const verdict = pressure.judge(connection, nowMs);
    if (verdict === 'evict') {
      this.#host.evict(connection);
      return 1;
    }
    const group = this.#regroup(connection);
    const { after } = connection;
    const to = this.#sliceTo;
    if (verdict === 'leave-out') {
      connection.missedAfter ??= this.#backlog.placeOf(after);
      connection.after = to;
      events.counters.batchesDropped += to - after;
      return 1;
    }
    if (connection.missedAfter) {
      this.#host.catchUp(connection);
      return writesPerFormat;
    }
    const isFirst = group.lacks(after, to);
    if (isFirst) events.counters.framesMade++;
    const bytes = group.bytesOf(this.#backlog, after, to);
    connection.after = to;
    events.counters.writes++;
    events.counters.bytesOut += bytes.length;
    connection.socket.write(bytes);
    return isFirst ? writesPerFormat : 1;
  }

  #regroup(connection: Connection): Group {
    const group = connection.group!;
    const tier = this.#parts.pressure.tierOf(connection);
    if (tier === group.format.tier) return group;
    connection.group = this.#groupOf(tier, group.format.kind, group.format.encoding);
    return connection.group;
  }

  #groupOf(tier: number, kind: Kind, encoding: Encoding): Group {
    const key = (kind.index * tiers.length + tier) * encodings.length + encodings.indexOf(encoding);
    const known = this.#groups.get(key);
    if (known) return known;
    const group = new Group({ tier, kind, encoding });
    this.#groups.set(key, group);
    return group;
  }

  #passSoon(): void {
    if (this.#timer) return;
    const isWindowed = this.#size >= windowedConnections;
    const windowMs = Math.min(this.#parts.windowMsMax, this.#size * windowMsPerConnection);
    const leftMs = isWindowed ? this.#beganMs + windowMs - performance.now() : 0;
    if (leftMs < 1) this.#pass();
    else this.#timer = setTimeout(this.#pass, leftMs);
  }

  readonly #pass = (): void => {
    this.#timer = undefined;
    if (this.#backlog.isEmpty) return;
    this.#isPassing = true;
    this.#next = 0;
    this.#beginSlice();
    this.#firstTo = this.#sliceTo;
    this.#beganMs = performance.now();
    this.#parts.fanout.submit(this);
  };

  #beginSlice(): void {
    this.#sliceEnd = this.#next + sliceConnections;
    this.#sliceTo = this.#backlog.count;
  }

  #compact(): void {
    this.#members = this.#members.filter(({ closed }) => !closed);
    if (this.#groups.size <= groupsMax) return;
    const used = new Set(this.#members.map(({ group }) => group));
    for (const [key, group] of this.#groups) if (!used.has(group)) this.#groups.delete(key);
  }
}

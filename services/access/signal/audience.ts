import { tiers, type Position } from '@gala/protocol/signals';
import type { Connection } from './connection.ts';
import type { SignalEvents } from './events.ts';
import type { Fanout, FanoutJob } from './fanout.ts';
import { Group, joined } from './group.ts';
import type { Kind } from './kinds.ts';
import type { Pressure } from './pressure.ts';
import { encodings, type Encoding, type Shared } from './shared.ts';

export interface AudienceParts {
  readonly fanout: Fanout;
  readonly pressure: Pressure;
  readonly events: SignalEvents;
  readonly windowMsMax: number;
}

/** In what a room says. */
export type Place = Pick<Position, 'epoch' | 'offset'>;

/** Nothing follows it. */
export const nowhere: Place = { epoch: 0, offset: 0 };

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
/** More than these are looked through for such as nobody is in any more. */
const groupsMax = 32;
/** Making the bytes of one format costs as much as so many writes. */
const writesPerFormat = 8;

/**
 * The clients of one room. What is said goes to all of them in one write each: those of the same format share the
 * bytes. What comes while a fan-out is under way goes with the next.
 */
export class Audience implements FanoutJob {
  readonly #parts: AudienceParts;
  readonly #host: AudienceHost;
  readonly #groups = new Map<number, Group>();
  #members: Connection[] = [];
  #size = 0;
  /** Said and not on its way yet. Bounded by what owners say while one fan-out lasts. */
  #pending: Shared[] = [];
  /** What is on its way; things said before are `#from`. */
  #job: readonly Shared[] = [];
  #jobNumber = 0;
  #jobFrom = 0;
  #jobTo = 0;
  #jobPlace = nowhere;
  #next = 0;
  /** Things said so far. */
  #count = 0;
  /** Where the room was when something was handed to a fan-out last, and when something was said last. */
  #handedPlace = nowhere;
  #saidPlace = nowhere;
  #lastFlushMs = 0;
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
    connection.after = this.#count;
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
    this.#count++;
    this.#saidPlace = place;
    if (this.#size === 0) {
      this.#handedPlace = place;
      return;
    }
    this.#pending.push(item);
    if (this.isDone) this.#flushSoon();
  }

  get isDone(): boolean {
    return this.#job.length === 0;
  }

  advance(budget: number, nowMs: number): number {
    let cost = 0;
    const { length } = this.#members;
    while (cost < budget && this.#next < length) {
      const connection = this.#members[this.#next++];
      if (!connection.closed && connection.after < this.#jobTo) cost += this.#deliver(connection, nowMs);
    }
    if (this.#next >= this.#members.length) this.#job = [];
    return cost;
  }

  finish(): void {
    if (this.#members.length - this.#size > 64) this.#compact();
    if (this.#pending.length > 0) this.#flushSoon();
    else for (const group of this.#groups.values()) group.forget();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#pending = [];
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
    if (verdict === 'leave-out') {
      connection.missedAfter ??= this.#jobPlace;
      connection.after = this.#jobTo;
      events.counters.batchesDropped += this.#job.length;
      return 1;
    }
    if (connection.missedAfter) {
      this.#host.catchUp(connection);
      return writesPerFormat;
    }
    const isFirst = group.lacks(this.#jobNumber);
    if (isFirst) events.counters.framesMade++;
    const bytes =
      connection.after <= this.#jobFrom
        ? group.bytesOf(this.#jobNumber, this.#job)
        : joined(this.#job.slice(connection.after - this.#jobFrom), group.format);
    connection.after = this.#jobTo;
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

  #flushSoon(): void {
    if (this.#timer) return;
    const windowMs =
      this.#size < windowedConnections
        ? 0
        : Math.min(this.#parts.windowMsMax, this.#size * windowMsPerConnection);
    const leftMs = windowMs === 0 ? 0 : this.#lastFlushMs + windowMs - performance.now();
    if (leftMs < 1) this.#flush();
    else this.#timer = setTimeout(this.#flush, leftMs);
  }

  readonly #flush = (): void => {
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    this.#job = this.#pending;
    this.#pending = [];
    this.#jobNumber++;
    this.#jobTo = this.#count;
    this.#jobFrom = this.#count - this.#job.length;
    this.#jobPlace = this.#handedPlace;
    this.#handedPlace = this.#saidPlace;
    this.#next = 0;
    this.#lastFlushMs = performance.now();
    this.#parts.fanout.submit(this);
  };

  #compact(): void {
    this.#members = this.#members.filter(({ closed }) => !closed);
    if (this.#groups.size <= groupsMax) return;
    const used = new Set(this.#members.map(({ group }) => group));
    for (const [key, group] of this.#groups) if (!used.has(group)) this.#groups.delete(key);
  }
}

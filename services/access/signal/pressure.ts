import { tiers } from '@gala/protocol/signals';
import type { SignalConfig } from './config.ts';
import type { Connection, MediaHealth } from './connection.ts';
import type { SignalEvents } from './events.ts';

export type PressureLimits = Pick<SignalConfig, 'slowBytes' | 'stopBytes' | 'slowEvictMs'>;

/** What becomes of what is to be written to a connection now. */
export type Verdict = 'write' | 'leave-out' | 'evict';

/** So long a connection stays in a tier before it may get more again. */
const tierHoldMs = 5_000;
/** A connection that owes anything for so many times `slowEvictMs`, however little, does not read. */
const owingFactor = 3;
const lowestTier = tiers.length - 1;
const healthTiers: Readonly<Record<MediaHealth, number>> = { good: 0, poor: 1, stalled: 2 };

/**
 * How much each connection is sent: by its queue, how its media plays, and how busy this process is. Down at once, up
 * one tier at a time and not before it has been quiet for a while.
 */
export class Pressure {
  /** By the load of this process: nobody gets more. */
  floor = 0;
  /** Those that owe something, to be looked at while their rooms are silent. */
  readonly owing = new Set<Connection>();
  readonly #limits: PressureLimits;
  readonly #events: SignalEvents;

  constructor(limits: PressureLimits, events: SignalEvents) {
    this.#limits = limits;
    this.#events = events;
  }

  /** Tier of a connection now, as a place in `tiers`. */
  tierOf({ queueTier, health }: Connection): number {
    return Math.max(queueTier, healthTiers[health], this.floor);
  }

  /** Called for every connection of a room at each write, so it must stay free of allocation. */
  judge(connection: Connection, atMs: number): Verdict {
    // Whole: a fraction would be a number of its own on the heap, in every connection.
    const nowMs = Math.ceil(atMs);
    const owed = connection.socket.writableLength;
    if (owed === 0) {
      if (connection.owingSinceMs > 0) this.#settle(connection);
      if (connection.queueTier > 0 && nowMs > connection.tierUntilMs) this.#raise(connection, nowMs);
      return 'write';
    }
    return this.#judgeOwing(connection, owed, nowMs);
  }

  forget(connection: Connection): void {
    this.owing.delete(connection);
  }

  #judgeOwing(connection: Connection, owed: number, nowMs: number): Verdict {
    const { slowBytes, stopBytes, slowEvictMs } = this.#limits;
    if (connection.owingSinceMs === 0) {
      connection.owingSinceMs = nowMs;
      this.owing.add(connection);
    }
    if (owed >= slowBytes) this.#lower(connection, owed, nowMs);
    if (owed < stopBytes) connection.stoppedSinceMs = 0;
    else if (connection.stoppedSinceMs === 0) connection.stoppedSinceMs = nowMs;
    const { stoppedSinceMs, owingSinceMs } = connection;
    const isStuck = stoppedSinceMs > 0 && nowMs - stoppedSinceMs > slowEvictMs;
    if (isStuck || nowMs - owingSinceMs > owingFactor * slowEvictMs) return 'evict';
    return owed >= stopBytes ? 'leave-out' : 'write';
  }

  #settle(connection: Connection): void {
    connection.owingSinceMs = 0;
    connection.stoppedSinceMs = 0;
    this.owing.delete(connection);
  }

  #lower(connection: Connection, owed: number, nowMs: number): void {
    const { slowBytes, stopBytes } = this.#limits;
    const wanted = owed >= stopBytes ? lowestTier : owed >= 2 * slowBytes ? 2 : 1;
    connection.tierUntilMs = nowMs + tierHoldMs;
    if (wanted <= connection.queueTier) return;
    connection.queueTier = wanted;
    this.#events.counters.tiersLowered++;
  }

  #raise(connection: Connection, nowMs: number): void {
    connection.queueTier--;
    connection.tierUntilMs = nowMs + tierHoldMs;
    this.#events.counters.tiersRaised++;
  }
}

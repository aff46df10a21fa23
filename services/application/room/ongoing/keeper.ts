import { setTimeout as delay } from 'node:timers/promises';
import { followChanges, type FollowEvent } from '@gala/lib/changes';
import type { Clock } from '@gala/lib/clock';
import type { EventLog } from '@gala/lib/eventlog';
import { Backoff } from '@gala/lib/lifecycle';
import type { Metrics } from '@gala/lib/metrics';
import { roomTopic } from '@gala/protocol/room';
import type { RoomConfig } from '../config.ts';
import type { OngoingEvents } from './events.ts';
import { LogWatch } from './log-watch.ts';
import type { OngoingRooms, Refreshed } from './ongoing-rooms.ts';
import { toldRoom } from './room-change.ts';
import type { OngoingRow } from './room-table.ts';

export interface KeeperParts {
  readonly rooms: OngoingRooms;
  /** Hears of each change of a room that the feed tells, also of rooms off the air. */
  readonly onTold?: (row: Pick<OngoingRow, 'roomId' | 'version'>) => void;
  /** Without one the databases are read again and again. */
  readonly log: Pick<EventLog, 'end' | 'follow'> | undefined;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'ongoingRefreshMs' | 'ongoingUnfedRefreshMs'>;
  readonly events: OngoingEvents;
  readonly metrics: Metrics;
}

const retryMs = { initialMs: 100, maxMs: 5000 };
/** How often it is asked whether the log still has what was read of it. */
const checkEveryMs = 2000;

/**
 * Keeps the set of rooms on air: takes the position of the log, reads the databases, follows the log from there, and
 * reads them again now and then. Whenever something may have been missed (a gap, a log that was trimmed or restored to
 * an older state, a feed that is down) they are read at once.
 */
export class OngoingKeeper implements AsyncDisposable {
  /** Resolves after the first attempt to read the databases. */
  readonly ready: Promise<void>;
  readonly #parts: KeeperParts;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  #isFed = false;
  #wake = new AbortController();
  #lagMs = 0;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    const first = Promise.withResolvers<void>();
    this.ready = first.promise;
    const refreshing = this.#refreshForever(first.resolve);
    this.#done = Promise.all([refreshing, parts.log && this.#followForever(parts.log)]);
    const { metrics } = parts;
    metrics.gauge('gala_room_ongoing_fed', '1 while the change feed is followed', () => Number(this.#isFed));
    const lagHelp = 'from the commit of the last change until it was known here';
    metrics.gauge('gala_room_ongoing_lag_seconds', lagHelp, () => this.#lagMs / 1000);
  }

  /** True while the change feed is followed. */
  get isFed(): boolean {
    return this.#isFed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #refreshForever(onFirst: () => void): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      const { failures } = await this.#refresh();
      onFirst();
      if (failures.length > 0) {
        await backoff.wait(signal).catch(() => undefined);
        continue;
      }
      backoff.reset();
      await this.#rest();
    }
  }

  /** Until the next refresh is due, or the feed is lost. */
  async #rest(): Promise<void> {
    const { ongoingRefreshMs, ongoingUnfedRefreshMs } = this.#parts.config;
    this.#wake = new AbortController();
    const waitMs = this.#isFed ? ongoingRefreshMs : ongoingUnfedRefreshMs;
    const signal = AbortSignal.any([this.#stop.signal, this.#wake.signal]);
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
  }

  async #refresh(): Promise<Refreshed> {
    const { rooms, events } = this.#parts;
    const refreshed = await rooms.refresh(this.#isFed);
    events.refreshed(refreshed, rooms.size);
    return refreshed;
  }

  /** Whatever ends the following, the next begins with a position and a scan: the log may be another one by then. */
  async #followForever(log: Pick<EventLog, 'end' | 'follow'>): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      const watch = new LogWatch(log, roomTopic);
      const over = new AbortController();
      const either = AbortSignal.any([signal, over.signal]);
      const checking = this.#check(watch, over, either);
      await this.#follow(watch, over, either);
      over.abort();
      await checking;
      if (watch.wasSound) backoff.reset();
      await backoff.wait(signal).catch(() => undefined);
    }
  }

  /** A database that cannot be read is tried again by the periodic refresh; the changes of the others are followed. */
  #follow(log: LogWatch, over: AbortController, signal: AbortSignal): Promise<void> {
    return followChanges({
      log,
      topic: roomTopic,
      signal,
      scan: async () => void (await this.#refresh()),
      apply: (change) => {
        const told = toldRoom(change);
        if (!told) return;
        this.#parts.rooms.tell(told.row, told.isOnAir);
        this.#parts.onTold?.(told.row);
        this.#lagMs = Math.max(0, this.#parts.clock.nowMs() - change.committedAtMs);
      },
      onEvent: (event, error) => this.#note(over, event, error),
    });
  }

  #note(over: AbortController, event: FollowEvent, error: unknown): void {
    const { events } = this.#parts;
    if (event === 'scanned') this.#setFed(true);
    if (event === 'gap') events.feedGap();
    if (event !== 'failure' && event !== 'trimmed') return;
    events.feedLost(error, this.#isFed);
    this.#setFed(false);
    over.abort();
  }

  /**
   * A log whose end lies before what was read of it is not the log that was read, and one that was away may be another
   * when it is back.
   */
  async #check(watch: LogWatch, over: AbortController, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(checkEveryMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      this.#parts.events.missed(this.#parts.rooms.countMissed());
      const state = await watch.look();
      if (state === 'sound' || signal.aborted) continue;
      if (state === 'older') this.#parts.events.feedRestarted();
      else this.#parts.events.feedLost(watch.failure, this.#isFed);
      this.#setFed(false);
      over.abort();
    }
  }

  #setFed(isFed: boolean): void {
    if (isFed === this.#isFed) return;
    this.#isFed = isFed;
    if (!isFed) this.#wake.abort();
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@gala/lib/clock';
import { Backoff } from '@gala/lib/lifecycle';
import type { Metrics } from '@gala/lib/metrics';
import type { RoomConfig } from '../config.ts';
import type { OngoingEvents } from './events.ts';
import type { Position, RoomFeed, ToldRooms } from './feed.ts';
import type { OngoingRooms } from './ongoing-rooms.ts';

export interface KeeperParts {
  readonly rooms: OngoingRooms;
  /** Without one the databases are read again and again. */
  readonly feed: RoomFeed | undefined;
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
    this.#done = Promise.all([refreshing, parts.feed && this.#followForever(parts.feed)]);
    parts.metrics.gauge('gala_room_ongoing_fed', '1 while the change feed is followed', () =>
      Number(this.#isFed),
    );
    parts.metrics.gauge(
      'gala_room_ongoing_lag_seconds',
      'age of the last change when it arrived here',
      () => this.#lagMs / 1000,
    );
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

  /** Until the next refresh is due, or the feed comes or goes, or something was missed. */
  async #rest(): Promise<void> {
    const { ongoingRefreshMs, ongoingUnfedRefreshMs } = this.#parts.config;
    this.#wake = new AbortController();
    const waitMs = this.#isFed ? ongoingRefreshMs : ongoingUnfedRefreshMs;
    const signal = AbortSignal.any([this.#stop.signal, this.#wake.signal]);
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
  }

  async #refresh() {
    const { rooms, events } = this.#parts;
    const refreshed = await rooms.refresh(this.#isFed);
    events.refreshed(refreshed, rooms.size);
    return refreshed;
  }

  async #followForever(feed: RoomFeed): Promise<void> {
    const { events } = this.#parts;
    const { signal } = this.#stop;
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      try {
        await this.#follow(feed, () => backoff.reset());
        events.feedRestarted();
      } catch (error) {
        if (signal.aborted) return;
        events.feedLost(error, this.#isFed);
        this.#setFed(false);
        await backoff.wait(signal).catch(() => undefined);
      }
    }
  }

  /** Ends when the log went back to an older state, and by the errors of the log. */
  async #follow(feed: RoomFeed, onFed: () => void): Promise<void> {
    const from = await feed.end();
    const next = new Map(from.map(({ partition, offset }) => [partition, offset]));
    const end = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, end.signal]);
    const check = this.#checkLog(feed, next, end);
    try {
      // What changed before the position was taken is seen by a scan that begins now.
      void this.#refresh().then(() => {
        if (signal.aborted) return;
        this.#setFed(true);
        onFed();
      });
      for await (const told of feed.follow(from, signal)) {
        next.set(told.partition, told.offset);
        this.#tell(told);
      }
    } catch (error) {
      if (!end.signal.aborted || end.signal.reason !== restored) throw error;
    } finally {
      end.abort();
      await check;
    }
  }

  #tell({ rooms: changes, isGap, writtenAtMs }: ToldRooms): void {
    const { rooms, clock, events } = this.#parts;
    for (const { row, isOnAir } of changes) rooms.tell(row, isOnAir);
    this.#lagMs = Math.max(0, clock.nowMs() - writtenAtMs);
    if (!isGap) return;
    events.feedGap();
    void this.#refresh();
  }

  /** A log whose end lies before what was read of it is not the log that was read. */
  async #checkLog(feed: RoomFeed, next: ReadonlyMap<number, number>, end: AbortController): Promise<void> {
    const { signal } = end;
    while (!signal.aborted) {
      const isStopped = AbortSignal.any([signal, this.#stop.signal]);
      await delay(checkEveryMs, undefined, { signal: isStopped }).catch(() => undefined);
      if (isStopped.aborted) return;
      this.#parts.events.missed(this.#parts.rooms.countMissed());
      const read = new Map(next);
      const ends: readonly Position[] = await feed.end().catch(() => []);
      const isOlder = ends.some(({ partition, offset }) => offset < (read.get(partition) ?? 0));
      if (isOlder) end.abort(restored);
    }
  }

  #setFed(isFed: boolean): void {
    if (isFed === this.#isFed) return;
    this.#isFed = isFed;
    this.#wake.abort();
  }
}

const restored = new Error('the log is older than what was read of it');

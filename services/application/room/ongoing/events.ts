import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { Refreshed } from './ongoing-rooms.ts';

const counterNames = ['feedsLost', 'feedsRestarted', 'feedGaps'] as const;

/** What happens to the set of rooms on air as a whole. */
export class OngoingEvents {
  readonly #log: Logger;
  readonly #counters: Record<(typeof counterNames)[number], number>;
  #isFailing = false;
  #isLost = false;
  #refreshMs = 0;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'room', part: 'ongoing' });
    this.#counters = metrics.counters('room_ongoing', counterNames);
    metrics.gauge(
      'gala_room_ongoing_refresh_seconds',
      'length of the last full refresh',
      () => this.#refreshMs / 1000,
    );
  }

  /** One line an outage, and one at its end. */
  refreshed({ durationMs, failures }: Refreshed, rooms: number): void {
    this.#refreshMs = durationMs;
    const isFailing = failures.length > 0;
    if (isFailing && !this.#isFailing)
      this.#log.warn({ error: failures[0], rooms }, 'refresh of rooms failed');
    if (!isFailing && this.#isFailing) this.#log.info({ rooms }, 'rooms are refreshed again');
    this.#isFailing = isFailing;
  }

  feedLost(error: unknown, wasFed: boolean): void {
    this.#counters.feedsLost++;
    if (wasFed || !this.#isLost) this.#log.warn({ error }, 'change feed of rooms lost');
    this.#isLost = true;
  }

  /** The log went back to an older state. */
  feedRestarted(): void {
    this.#counters.feedsRestarted++;
    this.#log.warn('change feed of rooms begun anew');
  }

  feedGap(): void {
    this.#counters.feedGaps++;
    this.#log.warn('change feed of rooms has a gap');
  }

  /** Rooms that a refresh found other than the feed had told. */
  missed(rooms: number): void {
    if (rooms > 0) this.#log.warn({ rooms }, 'change feed of rooms missed changes');
  }
}

import type { Clock } from '@gala/lib/clock';
import { Backoff } from '@gala/lib/lifecycle';
import type { HookEvent } from './config.ts';
import type { HookEndpoint } from './endpoint.ts';
import type { HookEvents } from './events.ts';

const retryMs = { initialMs: 500, maxMs: 30_000 };
/** Notifications of one receiver that are on their way at once. */
const runningMax = 16;
/** How long the last ones may take when the edge closes. */
const closeMsMax = 1_000;

export interface Notification {
  readonly event: HookEvent;
  /** Those of one lane arrive in order. */
  readonly lane: string;
  /** The same with each try, its id as well: receivers see at once what they have had already. */
  readonly body: string;
}

interface Waiting extends Notification {
  readonly queuedAtMs: number;
}

export interface HookQueueOptions {
  readonly endpoint: HookEndpoint;
  readonly clock: Clock;
  readonly events: HookEvents;
  readonly queuedMax: number;
  readonly retryForMs: number;
}

/**
 * Notifications of one receiver: each is tried until it is taken, refused (4xx), or `retryForMs` old. Lanes run
 * beside each other, one notification of each at a time. Over `queuedMax` the oldest that waits is dropped.
 */
export class HookQueue implements AsyncDisposable {
  readonly #options: HookQueueOptions;
  /** Lanes with something that waits, or is on its way. Bounded with `#waiting`. */
  readonly #lanes = new Map<string, Waiting[]>();
  /** Lanes that wait for their turn. */
  readonly #ready: string[] = [];
  /** All that wait, oldest first. */
  readonly #waiting = new Set<Waiting>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: HookQueueOptions) {
    this.#options = options;
  }

  /** Notifications that wait or are on their way. */
  get size(): number {
    return this.#waiting.size + this.#running.size;
  }

  push(notification: Notification): void {
    const { clock, queuedMax } = this.#options;
    const waiting: Waiting = { ...notification, queuedAtMs: clock.monotonicMs() };
    this.#waiting.add(waiting);
    const lane = this.#lanes.get(waiting.lane);
    if (lane) lane.push(waiting);
    else {
      this.#lanes.set(waiting.lane, [waiting]);
      this.#ready.push(waiting.lane);
    }
    if (this.#waiting.size > queuedMax) this.#dropOldest();
    this.#startNext();
  }

  /** Delivers what waits, for a second at most; the rest is dropped. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#closing.abort(), closeMsMax);
    while (this.#running.size > 0) await Promise.all(this.#running);
    clearTimeout(timer);
    this.#closing.abort();
    while (this.#waiting.size > 0) this.#dropOldest();
  }

  #dropOldest(): void {
    const { endpoint, events } = this.#options;
    for (const oldest of this.#waiting) {
      this.#waiting.delete(oldest);
      const lane = this.#lanes.get(oldest.lane);
      lane?.splice(lane.indexOf(oldest), 1);
      events.dropped(oldest.event, endpoint.name);
      return;
    }
  }

  #startNext(): void {
    while (this.#running.size < runningMax && !this.#closing.signal.aborted) {
      const name = this.#ready.shift();
      if (name === undefined) return;
      const run = this.#runLane(name);
      this.#running.add(run);
      void run.then(() => {
        this.#running.delete(run);
        this.#startNext();
      });
    }
  }

  /** The next one of a lane; then the lane queues up behind the others. */
  async #runLane(name: string): Promise<void> {
    const lane = this.#lanes.get(name);
    const next = lane?.shift();
    if (next) {
      this.#waiting.delete(next);
      await this.#deliver(next);
    }
    if (lane && lane.length > 0) this.#ready.push(name);
    else this.#lanes.delete(name);
  }

  async #deliver({ event, body, queuedAtMs }: Waiting): Promise<void> {
    const { endpoint, clock, events, retryForMs } = this.#options;
    const { signal } = this.#closing;
    const backoff = new Backoff(retryMs);
    for (;;) {
      try {
        const { status } = await endpoint.post(body, signal);
        if (status < 300) events.counters.delivered++;
        else events.refused(event, endpoint.name, status);
        return;
      } catch (error) {
        if (signal.aborted) return events.dropped(event, endpoint.name);
        if (clock.monotonicMs() - queuedAtMs >= retryForMs) return events.expired(event, endpoint.name);
        events.retry(event, endpoint.name, error);
      }
      await backoff.wait(signal).catch(() => undefined);
    }
  }
}

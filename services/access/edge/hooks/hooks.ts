import { randomUUID } from 'node:crypto';
import type { Breakers } from '@gala/lib/breaker';
import type { Clock } from '@gala/lib/clock';
import { CodedError } from '@gala/lib/error';
import type { Metrics } from '@gala/lib/metrics';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { addressesOf, hookEvents, type HookEvent, type HooksConfig } from './config.ts';
import { HookEndpoint } from './endpoint.ts';
import type { HookEvents } from './events.ts';
import { HookQueue } from './queue.ts';
import { Turns } from './turns.ts';

export type HookProtocol = 'rtmp' | 'rtmps' | 'http-flv' | 'ws-flv' | 'hls';

/** Whom a decision is about. */
export interface HookSubject {
  readonly roomId: number;
  /** Name of the host. */
  readonly host: string;
  readonly address: string;
  readonly protocol: HookProtocol;
  /** What the peer wrote behind its address, without keys and signatures. */
  readonly query: string;
}

/** What is known when it is over. */
export interface HookEnd {
  readonly reason: string;
  /** Unless it is that of the subject. */
  readonly roomId?: number;
  /** Absent when it never came on air. */
  readonly epoch?: number;
}

/** One publisher or viewer that was let in. */
export interface HookSession {
  /** Call once, when it is gone. */
  end(end: HookEnd): void;
}

export interface HooksOptions {
  readonly edgeId: string;
  readonly config: HooksConfig;
  readonly clock: Clock;
  readonly breakers: Breakers;
  readonly metrics: Metrics;
  readonly events: HookEvents;
}

/** What the query of a hook holds at most; longer ones are INVALID_REQUEST, since a cut token is a wrong one. */
const queryCharactersMax = 2_048;

type Asked = HookSubject & { readonly session: string };

interface Receiver {
  readonly endpoint: HookEndpoint;
  readonly queue: HookQueue;
}

/**
 * Whoever is asked about publishers and viewers, and told when they are gone. A session that was allowed is
 * always followed by its end, whatever became of it in between. Events that have no address cost nothing.
 */
export class Hooks implements AsyncDisposable {
  readonly #options: HooksOptions;
  readonly #receivers: Readonly<Partial<Record<HookEvent, Receiver>>>;
  readonly #turns: Turns;

  constructor(options: HooksOptions) {
    const { config, metrics } = options;
    this.#options = options;
    this.#receivers = this.#open();
    this.#turns = new Turns({ runningMax: config.askedMax, waitingMax: config.waitingMax });
    metrics.gauge('gala_hooks_asked_now', 'decisions of hooks under way', () => this.#turns.running);
    metrics.gauge('gala_hooks_waiting', 'decisions that wait for their turn', () => this.#turns.waiting);
    metrics.gauge('gala_hooks_queued', 'notifications that wait or are on their way', () =>
      this.#queues().reduce((sum, queue) => sum + queue.size, 0),
    );
  }

  /** True when somebody decides about publishers. */
  get asksPublish(): boolean {
    return this.#receivers.onPublish !== undefined;
  }

  /** True when somebody decides about viewers. */
  get asksPlay(): boolean {
    return this.#receivers.onPlay !== undefined;
  }

  /** True when anything is asked or told about viewers. */
  get followsViewers(): boolean {
    return this.asksPlay || this.#receivers.onStop !== undefined;
  }

  /** How much longer decisions may take by hooks. */
  get decisionMsMax(): number {
    const { onPublish, onPlay } = this.#receivers;
    return onPublish || onPlay ? this.#options.config.timeoutMs : 0;
  }

  /**
   * Asks about a publisher.
   * @throws CodedError HOOK_DENIED, HOOK_FAILED (no decision, and `hooks.onTimeout` is `deny`), DEADLINE_EXCEEDED
   * when `signal` was aborted, INVALID_REQUEST
   */
  async askPublish(subject: HookSubject, signal?: AbortSignal): Promise<HookSession> {
    const session = randomUUID();
    await this.#decide('onPublish', { ...subject, session }, signal);
    return this.#follow('onUnpublish', subject, session);
  }

  /** A publisher that nobody is asked about. */
  followPublisher(subject: HookSubject): HookSession {
    return this.#follow('onUnpublish', subject, randomUUID());
  }

  /** Asks about a viewer, if anybody wants to be; throws as `askPublish` does. */
  async askPlay(subject: HookSubject, signal?: AbortSignal): Promise<HookSession> {
    const session = randomUUID();
    await this.#decide('onPlay', { ...subject, session }, signal);
    return this.#follow('onStop', subject, session);
  }

  /** Tells an event that nobody is asked about. `details` must hold no keys. */
  tell(event: HookEvent, roomId: number, details: object): void {
    const receiver = this.#receivers[event];
    if (!receiver) return;
    const { id, body } = this.#compose(event, { roomId, ...details });
    // Viewers leave in thousands and nobody needs their order; what happens to a room comes in order.
    receiver.queue.push({ event, body, lane: event === 'onStop' ? id : String(roomId) });
  }

  /** Tells what waits, for a second at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues().map((queue) => queue[Symbol.asyncDispose]()));
  }

  #follow(event: HookEvent, subject: HookSubject, session: string): HookSession {
    const { clock } = this.#options;
    const beganAtMs = clock.monotonicMs();
    return {
      end: ({ roomId = subject.roomId, ...end }) => {
        const durationMs = Math.round(clock.monotonicMs() - beganAtMs);
        this.tell(event, roomId, { ...subject, roomId, session, ...end, durationMs });
      },
    };
  }

  async #decide(event: HookEvent, about: Asked, gone?: AbortSignal): Promise<void> {
    const receiver = this.#receivers[event];
    if (!receiver) return;
    if (about.query.length > queryCharactersMax) {
      throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'the query is too long for hooks' });
    }
    const { events } = this.#options;
    events.counters.asked++;
    const { body } = this.#compose(event, about);
    const answer = await this.#ask(receiver, body, gone).catch((error: unknown) =>
      this.#undecided(event, error, gone),
    );
    if (answer && answer.status >= 400) {
      events.denied(event, about.roomId, answer.message);
      throw new CodedError(edgeErrors, 'HOOK_DENIED', answer.message ? { detail: answer.message } : {});
    }
    if (answer) events.counters.allowed++;
  }

  /** What the settings make of a decision that did not come. */
  #undecided(event: HookEvent, error: unknown, gone?: AbortSignal): undefined {
    const { config, events } = this.#options;
    if (gone?.aborted)
      throw new CodedError(commonErrors, 'DEADLINE_EXCEEDED', { detail: 'left while asked' });
    events.decisionFailed(event, config.onTimeout, error);
    if (config.onTimeout === 'deny') {
      throw new CodedError(edgeErrors, 'HOOK_FAILED', { cause: error, retryAfterSeconds: 1 });
    }
  }

  /** The time limit holds for the turn and the call together. */
  #ask({ endpoint }: Receiver, body: string, gone?: AbortSignal) {
    const deadline = AbortSignal.timeout(this.#options.config.timeoutMs);
    const signal = gone ? AbortSignal.any([gone, deadline]) : deadline;
    return this.#turns.run(() => endpoint.post(body, signal), signal);
  }

  #compose(event: HookEvent, details: object): { id: string; body: string } {
    const { edgeId, clock } = this.#options;
    const id = randomUUID();
    return { id, body: JSON.stringify({ event, id, timeMs: clock.nowMs(), edgeId, ...details }) };
  }

  #queues(): HookQueue[] {
    return [...new Set(Object.values(this.#receivers).map(({ queue }) => queue))];
  }

  /** One receiver for each address, however many events it gets. */
  #open(): Partial<Record<HookEvent, Receiver>> {
    const { config } = this.#options;
    const urls = addressesOf(config);
    const byUrl = new Map<string, Receiver>();
    const receivers: Partial<Record<HookEvent, Receiver>> = {};
    for (const event of hookEvents) {
      const url = urls[event];
      if (url === undefined) continue;
      const receiver = byUrl.get(url) ?? this.#receiverOf(url);
      byUrl.set(url, receiver);
      receivers[event] = receiver;
    }
    return receivers;
  }

  #receiverOf(url: string): Receiver {
    const { config, clock, breakers, events } = this.#options;
    const { secret = '', timeoutMs, queuedMax, retryForMs } = config;
    const endpoint = new HookEndpoint({ url, secret, timeoutMs, clock, breakers });
    return { endpoint, queue: new HookQueue({ endpoint, clock, events, queuedMax, retryForMs }) };
  }
}

import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { HookEvent } from './config.ts';

const hookCounters = (metrics: Metrics) =>
  metrics.counters('hooks', [
    'asked',
    'allowed',
    'denied',
    'decisionsFailed',
    'delivered',
    'retries',
    'refused',
    'expired',
    'dropped',
  ]);

/** One function per event of the hooks. URLs may hold secrets: only the name of the receiver is told. */
export class HookEvents {
  readonly counters: ReturnType<typeof hookCounters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = hookCounters(metrics);
  }

  denied(event: HookEvent, roomId: number, detail: string): void {
    this.counters.denied++;
    this.#logger.info({ event, roomId, detail }, 'denied by hook');
  }

  /** No decision came; `decision` is what the settings make of that. */
  decisionFailed(event: HookEvent, decision: 'deny' | 'allow', error: unknown): void {
    this.counters.decisionsFailed++;
    this.#logger.warn({ event, decision, error: reasonOf(error) }, 'hook gave no decision');
  }

  retry(event: HookEvent, receiver: string, error: unknown): void {
    this.counters.retries++;
    this.#logger.debug({ event, receiver, error: reasonOf(error) }, 'hook notification failed, trying again');
  }

  /** The receiver does not want it: trying again would not help. */
  refused(event: HookEvent, receiver: string, status: number): void {
    this.counters.refused++;
    this.#logger.warn({ event, receiver, status }, 'hook notification refused by its receiver');
  }

  expired(event: HookEvent, receiver: string): void {
    this.counters.expired++;
    this.#logger.error({ event, receiver }, 'hook notification given up');
  }

  /** The queue is full, or the edge closes. */
  dropped(event: HookEvent, receiver: string): void {
    this.counters.dropped++;
    this.#logger.debug({ event, receiver }, 'hook notification dropped');
  }
}

/** Never the error as it is: those of `fetch` may name the URL. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const code =
    (error as NodeJS.ErrnoException).code ?? (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return code ?? error.name;
}

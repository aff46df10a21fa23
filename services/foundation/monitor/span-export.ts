import type { Clock } from '@gala/lib/clock';
import { Ticker } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { SpanRecord, Tracer } from '@gala/lib/trace';
import { MonitorEvents } from './events.ts';
import { encodeOtlp } from './otlp.ts';

/** Spans of one request. */
const batchMax = 512;
const intervalMs = 1_000;
/** How long a collector may take for one request. */
const sendMsMax = 5_000;

export interface SpanExportOptions {
  readonly url: string;
  readonly queueMax: number;
  /** Says where the spans come from (OpenTelemetry semantic conventions, `service.*`). */
  readonly resource: Readonly<Record<string, string>>;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Sends every span that the tracer keeps to an OTLP collector, in batches and one request at a time. A batch that a
 * collector could not take waits for the next second; what is over the bound meanwhile is dropped, and counted.
 */
export class SpanExport implements AsyncDisposable {
  readonly #options: SpanExportOptions;
  readonly #events: MonitorEvents;
  readonly #queue: SpanRecord[] = [];
  readonly #stopListening: () => void;
  readonly #ticker: Ticker;

  constructor(options: SpanExportOptions) {
    const { tracer, logger, metrics } = options;
    this.#options = options;
    this.#events = new MonitorEvents(logger, metrics);
    metrics.gauge('gala_otlp_waiting', 'spans that wait to be sent', () => this.#queue.length);
    this.#stopListening = tracer.onSpan((span) => this.#add(span));
    const run = (signal: AbortSignal): Promise<void> => this.#drain(signal);
    this.#ticker = new Ticker({ name: 'span export', intervalMs, run, logger, unref: true });
  }

  /** What waits is sent, if the collector takes it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    await this.#ticker[Symbol.asyncDispose]();
    await this.#drain(AbortSignal.timeout(intervalMs));
  }

  #add(span: SpanRecord): void {
    if (this.#queue.length < this.#options.queueMax) this.#queue.push(span);
    else this.#events.counters.spansDropped++;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    while (this.#queue.length > 0 && !signal.aborted) {
      const batch = this.#queue.slice(0, batchMax);
      if (!(await this.#send(batch, signal))) return;
      this.#queue.splice(0, batch.length);
    }
  }

  /** True when the batch is done with: taken, or refused for good. */
  async #send(batch: readonly SpanRecord[], signal: AbortSignal): Promise<boolean> {
    const { url, resource } = this.#options;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: encodeOtlp(batch, resource),
        signal: AbortSignal.any([signal, AbortSignal.timeout(sendMsMax)]),
        redirect: 'error',
      });
      await response.body?.cancel();
      return this.#taken(batch.length, response.status);
    } catch (error) {
      if (!signal.aborted) this.#events.exportFailed(error);
      return false;
    }
  }

  /** Only these may pass by themselves (OTLP specification, "Retryable Response Codes"). */
  #taken(count: number, status: number): boolean {
    if (status < 300) this.#events.exported(count);
    else if ([429, 502, 503, 504].includes(status)) this.#events.exportFailed(`status ${status}`);
    else this.#events.exportRefused(count, status);
    return status < 300 || ![429, 502, 503, 504].includes(status);
  }
}

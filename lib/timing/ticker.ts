import type { Logger } from '../logger/index.ts';

export interface TickerOptions {
  readonly name: string;
  /** Time between the starts of two runs. */
  readonly intervalMs: number;
  /** `signal` is aborted when the ticker is disposed. A run that fails is logged and counted, and the next one comes. */
  readonly run: (signal: AbortSignal) => void | Promise<void>;
  readonly logger: Logger;
  /** The first run comes at once rather than after one interval. */
  readonly immediate?: boolean;
  /** Does not keep the process alive. */
  readonly unref?: boolean;
}

/**
 * Runs something at an interval, never twice at a time: a start that falls into a run is skipped and counted, and
 * the schedule does not drift. Disposing waits for the run under way.
 */
export class Ticker implements AsyncDisposable {
  runs = 0;
  skips = 0;
  failures = 0;
  readonly #options: TickerOptions;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), options.intervalMs);
    if (options.unref) this.#timer.unref();
    if (options.immediate) this.#tick();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#controller.abort();
    await this.#running;
  }

  #tick(): void {
    if (this.#running) {
      this.skips++;
      return;
    }
    this.#running = this.#run().finally(() => (this.#running = undefined));
  }

  async #run(): Promise<void> {
    const { name, run, logger } = this.#options;
    this.runs++;
    try {
      await run(this.#controller.signal);
    } catch (error) {
      if (this.#controller.signal.aborted) return;
      this.failures++;
      logger.error({ error, ticker: name }, 'run failed');
    }
  }
}

import type { Bus, Subscription } from '../collections/index.ts';
import type { HotKeys, KeyReads } from './hot-keys.ts';

const windowMs = 100;
const channel = 'cache.hot';
/** The bus takes 64 KiB; of more the caches that come last wait for the next window. */
const messageBytesMax = 48 * 1024;

export const exchangeCounterNames = [
  'hotReports',
  'hotReportsHeard',
  'hotReportsFailed',
  'hotReportsCut',
] as const;

export interface ExchangeOptions {
  /** Without one each process knows only its own reads. */
  readonly bus: Bus | undefined;
  readonly processId: string;
  readonly counters: Record<(typeof exchangeCounterNames)[number], number>;
}

interface Report {
  readonly from: string;
  readonly caches: Readonly<Record<string, readonly KeyReads[]>>;
}

/**
 * Tells all processes every 100 ms what this one reads very often, and hears the same of them: a key that is hot
 * anywhere is known everywhere 200 ms later. Without reads no timer runs and nothing is told.
 */
export class HotKeyExchange implements AsyncDisposable {
  readonly #options: ExchangeOptions;
  readonly #caches = new Map<string, HotKeys>();
  readonly #subscription: Promise<Subscription | undefined>;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const onMessage = (message: Buffer): void => this.#hear(message);
    this.#subscription = Promise.resolve(
      options.bus?.subscribe(channel, { onMessage, onGap: () => undefined }),
    ).catch(() => undefined);
  }

  add(cache: string, hotKeys: HotKeys): void {
    this.#caches.set(cache, hotKeys);
  }

  /** Windows end from now on, until nothing is read any more. */
  wake(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => this.#endWindow(), windowMs).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await (await this.#subscription)?.[Symbol.asyncDispose]();
  }

  #endWindow(): void {
    this.#timer = undefined;
    const caches: Record<string, readonly KeyReads[]> = {};
    let bytes = 0;
    for (const [name, hotKeys] of this.#caches) {
      const reads = hotKeys.endWindow();
      if (hotKeys.isActive) this.wake();
      if (reads.length === 0) continue;
      bytes += reads.reduce((sum, [key]) => sum + 6 * key.length + 16, name.length + 8);
      if (bytes > messageBytesMax) this.#options.counters.hotReportsCut++;
      else caches[name] = reads;
    }
    if (Object.keys(caches).length > 0) void this.#publish({ from: this.#options.processId, caches });
  }

  async #publish(report: Report): Promise<void> {
    this.#options.counters.hotReports++;
    try {
      await this.#options.bus?.publish(channel, Buffer.from(JSON.stringify(report)));
    } catch {
      // The next window tells it again.
      this.#options.counters.hotReportsFailed++;
    }
  }

  #hear(message: Buffer): void {
    const report = parseReport(message);
    if (!report || report.from === this.#options.processId) return;
    this.#options.counters.hotReportsHeard++;
    for (const [name, reads] of Object.entries(report.caches)) this.#caches.get(name)?.hear(reads);
  }
}

/** Undefined for what no process of ours wrote. */
function parseReport(bytes: Buffer): Report | undefined {
  try {
    const report = JSON.parse(bytes.toString()) as Report;
    return typeof report.from === 'string' && Object.values(report.caches).every(Array.isArray)
      ? report
      : undefined;
  } catch {
    return undefined;
  }
}

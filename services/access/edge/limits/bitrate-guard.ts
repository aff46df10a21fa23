import type { Clock } from '@gala/lib/clock';
import type { Publisher, Stream } from '../stream.ts';
import type { LimitsConfig } from './config.ts';

const checkMs = 1_000;

export interface BitrateGuardOptions {
  readonly streams: Iterable<Stream>;
  readonly config: Pick<LimitsConfig, 'streamBitsPerSecondMax' | 'streamOverMs'>;
  readonly clock: Clock;
  /** Told of each publisher that was over the bound for too long; it closes it. */
  readonly onExceeded: (stream: Stream, publisher: Publisher) => void;
}

/** Closes publishers that send more than they may for longer than they may. */
export class BitrateGuard implements Disposable {
  readonly #options: BitrateGuardOptions;
  /** Since when a publisher has been over the bound. */
  #overSinceMs = new Map<Publisher, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: BitrateGuardOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.check(), checkMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** Looks at the last whole second of every stream that has its publisher here. */
  check(): void {
    const { streams, config, clock, onExceeded } = this.#options;
    const nowMs = clock.monotonicMs();
    const before = this.#overSinceMs;
    this.#overSinceMs = new Map();
    for (const stream of streams) {
      const { publisher, stats } = stream;
      if (!publisher || stats.bitsPerSecond <= config.streamBitsPerSecondMax) continue;
      const sinceMs = before.get(publisher) ?? nowMs;
      if (nowMs - sinceMs >= config.streamOverMs) onExceeded(stream, publisher);
      else this.#overSinceMs.set(publisher, sinceMs);
    }
  }
}

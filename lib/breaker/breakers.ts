import type { Clock } from '../clock/index.ts';
import type { Logger } from '../logger/index.ts';
import type { LabelledValue, Metrics } from '../metrics/index.ts';
import { Breaker, type BreakerChange, type BreakerCounters, type BreakerOptions } from './breaker.ts';
import type { BreakerPhase } from './state.ts';

export interface BreakersOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Breakers kept; the one asked for least recently goes first (`evictions`). */
  readonly breakersMax?: number;
  readonly onChange?: (change: BreakerChange) => void;
}

const phaseValues: Readonly<Record<BreakerPhase, number>> = { closed: 0, halfOpen: 1, open: 2 };

/** The breakers of one process, one for each dependency and instance, with their metrics. */
export class Breakers {
  readonly #options: BreakersOptions;
  readonly #breakers = new Map<string, Breaker>();
  readonly #counters: BreakerCounters & Record<'evictions', number>;

  constructor(options: BreakersOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#counters = metrics.counters('breaker', ['opened', 'closed', 'probes', 'refusals', 'evictions']);
    metrics.gauges({
      name: 'gala_breaker_state',
      help: '0 closed, 1 half-open, 2 open',
      labelNames: ['dependency', 'instance'],
      read: () => this.#show(({ phase }) => phaseValues[phase]),
    });
    metrics.gauges({
      name: 'gala_breaker_repair_seconds',
      help: 'mean time to repair as measured',
      labelNames: ['dependency', 'instance'],
      read: () => this.#show(({ repairMs }) => repairMs / 1000),
    });
  }

  /** The breaker of a dependency and instance, made when it is first asked for. */
  get(options: BreakerOptions): Breaker {
    const name = JSON.stringify([options.dependency, options.instance]);
    const breaker = this.#breakers.get(name) ?? this.#make(options);
    this.#breakers.delete(name);
    this.#breakers.set(name, breaker);
    if (this.#breakers.size > (this.#options.breakersMax ?? 1024)) {
      this.#breakers.delete(this.#breakers.keys().next().value!);
      this.#counters.evictions++;
    }
    return breaker;
  }

  #make(options: BreakerOptions): Breaker {
    const { clock } = this.#options;
    return new Breaker(options, {
      clock,
      counters: this.#counters,
      onChange: (change) => this.#noteChange(change),
    });
  }

  #noteChange(change: BreakerChange): void {
    const { logger, onChange } = this.#options;
    logger[change.to === 'open' ? 'warn' : 'info']({ ...change }, 'breaker turned');
    try {
      onChange?.(change);
    } catch (error) {
      logger.error({ error }, 'a listener of breakers failed');
    }
  }

  *#show(read: (breaker: Breaker) => number): Iterable<LabelledValue> {
    for (const breaker of this.#breakers.values()) {
      const { dependency, instance } = breaker;
      yield { labels: { dependency, instance }, value: read(breaker) };
    }
  }
}

import {
  AggregatorRegistry,
  Counter as PromCounter,
  Gauge,
  Registry,
  collectDefaultMetrics,
  type Metric,
} from 'prom-client';
import { LoopDelay } from '../timing/index.ts';
import { Histogram, latencyBoundsSeconds } from './histogram.ts';

export { Histogram, latencyBoundsSeconds };

/** Plain numbers by name: a hot path writes `counters.framesIn++`, a scrape reads them. */
export type Counters = Record<string, number>;

export interface Metrics {
  /** Registers plain counters under `gala_<group>_<name>_total`; the object is the caller's to increment. */
  counters<Names extends string>(group: string, names: readonly Names[]): Record<Names, number>;
  /** Registers a value that is read at scrape time. */
  gauge(name: string, help: string, read: () => number): void;
  /** Registers labelled values that are read at scrape time; the caller bounds their number. */
  gauges(options: LabelledGauge): void;
  /** The same for values that only grow; the name ends in `_total`. */
  labelledCounters(options: LabelledGauge): void;
  histogram(name: string, help: string, bounds?: readonly number[]): Histogram;
  /** Everything as prom-client JSON, for a parent that merges several processes. */
  json(): Promise<object[]>;
  /** Prometheus text format. */
  text(): Promise<string>;
}

export interface LabelledGauge {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly read: () => Iterable<LabelledValue>;
}

export interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Metrics of one process; every series carries the label `process`. */
export function createMetrics(processName: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry });
  const metrics = new ProcessMetrics(registry);
  measureLoopDelay(metrics);
  return metrics;
}

class ProcessMetrics implements Metrics {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  counters<Names extends string>(group: string, names: readonly Names[]): Record<Names, number> {
    const values = Object.fromEntries(names.map((name) => [name, 0])) as Record<Names, number>;
    for (const name of names) this.#counter(`gala_${group}_${snakeCase(name)}_total`, () => values[name]);
    return values;
  }

  gauge(name: string, help: string, read: () => number): void {
    const collect = function (this: Gauge): void {
      this.set(read());
    };
    new Gauge({ name, help, registers: [this.#registry], collect });
  }

  gauges({ name, help, labelNames, read }: LabelledGauge): void {
    const collect = function (this: Gauge): void {
      this.reset();
      for (const { labels, value } of read()) this.set(labels, value);
    };
    new Gauge({ name, help, labelNames: [...labelNames], registers: [this.#registry], collect });
  }

  labelledCounters({ name, help, labelNames, read }: LabelledGauge): void {
    const collect = function (this: PromCounter): void {
      this.reset();
      for (const { labels, value } of read()) this.inc(labels, value);
    };
    new PromCounter({ name, help, labelNames: [...labelNames], registers: [this.#registry], collect });
  }

  histogram(name: string, help: string, bounds?: readonly number[]): Histogram {
    const histogram = new Histogram(bounds);
    this.#registry.registerMetric(new ScrapedHistogram(name, help, histogram) as unknown as Metric);
    return histogram;
  }

  async json(): Promise<object[]> {
    return this.#registry.getMetricsAsJSON();
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #counter(name: string, read: () => number): void {
    const collect = function (this: PromCounter): void {
      this.reset();
      this.inc(read());
    };
    new PromCounter({ name, help: name.replaceAll('_', ' '), registers: [this.#registry], collect });
  }
}

/** Prometheus text of several processes in one answer; `process` labels keep their series apart. */
export function mergeMetrics(processes: object[][]): Promise<string> {
  return AggregatorRegistry.aggregate(processes).metrics();
}

/** What prom-client asks of a metric at scrape time, answered from plain arrays. */
class ScrapedHistogram {
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly name: string;
  readonly help: string;
  readonly #source: Histogram;

  constructor(name: string, help: string, source: Histogram) {
    this.name = name;
    this.help = help;
    this.#source = source;
  }

  async get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: this.#values() };
  }

  #values(): object[] {
    const values: object[] = [];
    let cumulative = 0;
    for (let index = 0; index < this.#source.counts.length; index++) {
      cumulative += this.#source.counts[index];
      const le = String(this.#source.bounds[index] ?? '+Inf');
      values.push({ metricName: `${this.name}_bucket`, labels: { le }, value: cumulative });
    }
    values.push({ metricName: `${this.name}_sum`, labels: {}, value: this.#source.sum });
    values.push({ metricName: `${this.name}_count`, labels: {}, value: this.#source.count });
    return values;
  }
}

/** Event-loop delay is a promise of the placement table (overview.md), so every process shows its own. */
function measureLoopDelay(metrics: Metrics): void {
  const delay = new LoopDelay();
  const help = 'event-loop delay since the last scrape, p99';
  metrics.gauge('gala_loop_delay_p99_seconds', help, () => delay.takeP99Ms() / 1000);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

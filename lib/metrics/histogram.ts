/** Bucket bounds for latencies in seconds, from 0.5 ms to 10 s. */
export const latencyBoundsSeconds: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** A histogram for hot paths: one array write an observation, copied into prom-client when scraped. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulative; the last is everything above the last bound. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[] = latencyBoundsSeconds) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > this.bounds[index]) index++;
    this.counts[index]++;
    this.sum += value;
    this.count++;
  }

  /** Upper bound of the bucket that holds quantile `q`; Infinity above the last bound, 0 when empty. */
  quantile(q: number): number {
    let rest = this.count * q;
    if (this.count === 0) return 0;
    for (let index = 0; index < this.bounds.length; index++) {
      rest -= this.counts[index];
      if (rest <= 0) return this.bounds[index];
    }
    return Infinity;
  }
}

import { Audience, type AudienceOptions } from './audience.ts';
import type { Tag } from './tag.ts';
import type { Viewer } from './viewer.ts';

export interface CohortsOptions extends AudienceOptions {
  readonly tickMs: number;
}

/** So many viewers share one tick before others get theirs: about 10 ms of writes. */
const cohortViewers = 1_000;
const cohortsMax = 5;

/**
 * All viewers of one stream at one latency with a tick, in cohorts whose ticks are spread evenly over it. A crowd's
 * fan-out takes a good part of the tick, and whoever is last in it gets everything that much later; spread, no one
 * waits for more than a cohort. Each viewer still gets one write a tick.
 */
export class Cohorts {
  readonly #options: CohortsOptions;
  /** Streams are not to tick at the same moment. */
  readonly #phaseMs: number;
  readonly #cohorts: Audience[];
  #newest: Tag | undefined;

  constructor(options: CohortsOptions) {
    this.#options = options;
    this.#phaseMs = Math.random() * options.tickMs;
    this.#cohorts = [this.#make(0)];
  }

  get size(): number {
    let size = 0;
    for (const cohort of this.#cohorts) size += cohort.size;
    return size;
  }

  get viewers(): readonly Viewer[] {
    return this.#cohorts.flatMap((cohort) => cohort.viewers);
  }

  /** Keeps a tag for the next tick of each cohort. */
  add(tag: Tag): void {
    this.#newest = tag;
    for (const cohort of this.#cohorts) cohort.add(tag);
  }

  join(viewer: Viewer): void {
    viewer.cohort = this.#roomiest();
    this.#cohorts[viewer.cohort].join(viewer);
  }

  /** Call once when the viewer's socket has closed. */
  leave(viewer: Viewer): void {
    this.#cohorts[viewer.cohort].leave(viewer);
  }

  /** Ends the tick of all: what is pending goes out. */
  flush(): void {
    for (const cohort of this.#cohorts) cohort.flush();
  }

  end(): void {
    for (const cohort of this.#cohorts) cohort.end();
  }

  /** The first that is not full; then a new one; and when there are all, the smallest. */
  #roomiest(): number {
    const free = this.#cohorts.findIndex(({ size }) => size < cohortViewers);
    if (free >= 0) return free;
    if (this.#cohorts.length < cohortsMax) return this.#cohorts.push(this.#make(this.#cohorts.length)) - 1;
    const sizes = this.#cohorts.map(({ size }) => size);
    return sizes.indexOf(Math.min(...sizes));
  }

  #make(index: number): Audience {
    const phaseMs = this.#phaseMs + (index * this.#options.tickMs) / cohortsMax;
    const cohort = new Audience({ ...this.#options, phaseMs });
    // Its first viewer gets all that there has been.
    if (this.#newest) cohort.add(this.#newest);
    return cohort;
  }
}

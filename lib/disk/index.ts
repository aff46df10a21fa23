import { statfs } from 'node:fs/promises';
import { Ticker } from '../lifecycle/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';

const lookEveryMs = 2_000;
/** A full disk has room again only this many percent below the bound, so that it does not flap there. */
const marginPercent = 1;

export interface DiskBounds {
  /** A file system is full above this … */
  readonly usedPercentMax: number;
  /** … if no more than this is free: the last percents of a large disk are plenty. */
  readonly spareBytes: number;
}

export interface DiskWatchOptions extends DiskBounds {
  /** Any folder of the file system. */
  readonly folder: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Tells the metrics of several watches of one process apart: `gala_<name>_full`. */
  readonly name?: string;
  /** What a full disk means here, for lines and metrics. */
  readonly consequence?: string;
}

/** How full the file system of a folder is, as it was a moment ago. */
export interface DiskWatch extends AsyncDisposable {
  readonly isFull: boolean;
}

/** Looks at once and then every 2 s; the answer is in metrics, and a change of `isFull` is a line. */
export async function watchDisk(options: DiskWatchOptions): Promise<DiskWatch> {
  const disk = new Disk(options);
  await disk.look();
  disk.follow();
  return disk;
}

class Disk implements DiskWatch {
  isFull = false;
  readonly #options: DiskWatchOptions;
  readonly #consequence: string;
  #usedPercent = 0;
  #freeBytes = 0;
  #ticker: Ticker | undefined;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
    const { metrics, name = 'disk', consequence = 'new broadcasts are refused' } = options;
    this.#consequence = consequence;
    metrics.gauge(`gala_${name}_used_ratio`, 'file system of the folder', () => this.#usedPercent / 100);
    metrics.gauge(`gala_${name}_free_bytes`, 'free to this user there', () => this.#freeBytes);
    metrics.gauge(`gala_${name}_full`, `1 while ${consequence}`, () => Number(this.isFull));
  }

  follow(): void {
    const run = (): Promise<void> => this.look();
    const { logger } = this.#options;
    this.#ticker = new Ticker({ name: 'disk', intervalMs: lookEveryMs, run, logger, unref: true });
  }

  /** As `df` counts: what is kept back for root is neither used nor free. */
  async look(): Promise<void> {
    const { bsize, blocks, bfree, bavail } = await statfs(this.#options.folder);
    const used = blocks - bfree;
    this.#freeBytes = bavail * bsize;
    this.#usedPercent = (100 * used) / Math.max(1, used + bavail);
    const isFull = exceeds({ ...this.#options, ...this.#usage }, this.isFull ? marginPercent : 0);
    if (isFull !== this.isFull) this.#tell(isFull);
    this.isFull = isFull;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ticker?.[Symbol.asyncDispose]();
  }

  get #usage() {
    return { usedPercent: this.#usedPercent, freeBytes: this.#freeBytes };
  }

  #tell(isFull: boolean): void {
    const { logger, folder } = this.#options;
    if (isFull) logger.error({ folder, ...this.#usage }, `the disk is nearly full, ${this.#consequence}`);
    else logger.info({ folder, ...this.#usage }, 'the disk has room again');
  }
}

export interface DiskUsage {
  readonly usedPercent: number;
  readonly freeBytes: number;
}

/** True when the bounds are passed, even if they were `marginPercent` lower. */
export function exceeds(disk: DiskBounds & DiskUsage, marginPercent: number): boolean {
  return disk.usedPercent > disk.usedPercentMax - marginPercent && disk.freeBytes <= disk.spareBytes;
}

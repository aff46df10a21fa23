import type { Clock } from '../clock/index.ts';
import type { Coord } from '../coord/index.ts';
import { invariant } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Database } from '../sql/index.ts';
import { jobNamePattern, partitionsDefault, partitionsMax } from './limits.ts';
import { ShardEvents } from './shard-events.ts';
import { ShardedJob } from './sharded-job.ts';
import { putShard } from './tick-statements.ts';
import { TickStore } from './tick-store.ts';
import type { ShardOptions, ShardedWork, TickHandler } from './types.ts';

export interface ShardsOptions {
  readonly database: Database;
  readonly coord?: Coord;
  readonly processId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The sharded jobs that this process takes part in. */
export class Shards implements AsyncDisposable {
  readonly #options: ShardsOptions;
  readonly #events: ShardEvents;
  readonly #store: TickStore;
  readonly #jobs = new Map<string, ShardedJob>();

  constructor(options: ShardsOptions) {
    this.#options = options;
    const { database, clock, processId, logger, metrics } = options;
    this.#events = new ShardEvents(logger, metrics);
    const onFailure = (error: unknown): void => this.#events.engineFailed(error);
    this.#store = new TickStore({ database, clock, processId, onFailure });
    const held = (): number => [...this.#jobs.values()].reduce((sum, job) => sum + job.held().length, 0);
    metrics.gauge('gala_job_partitions', 'partitions of sharded jobs that this process holds', held);
  }

  async start(options: ShardOptions, handler: TickHandler): Promise<ShardedWork> {
    const { coord, database } = this.#options;
    const { job, intervalMs, partitions = partitionsDefault } = options;
    invariant(coord, 'sharded jobs need coord');
    invariant(!this.#jobs.has(job), `${job} has one handler a process`);
    invariant(jobNamePattern.test(job) && intervalMs >= 10, `${job} has a simple name and an interval`);
    invariant(partitions >= 1 && partitions <= partitionsMax, `${job} has 1 to ${partitionsMax} partitions`);
    const known = { ...options, partitions };
    await putShard(database.pool, { job, partitions, options: known });
    const parts = { ...this.#options, coord, handler, options: known };
    const sharded = await ShardedJob.start({ ...parts, store: this.#store, events: this.#events });
    this.#jobs.set(job, sharded);
    return {
      held: () => sharded.held(),
      [Symbol.asyncDispose]: async () => {
        await sharded[Symbol.asyncDispose]();
        if (this.#jobs.get(job) === sharded) this.#jobs.delete(job);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#jobs.values()].map((job) => job[Symbol.asyncDispose]()));
  }
}

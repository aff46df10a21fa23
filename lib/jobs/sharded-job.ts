import type { CoordRecord, MemberView, RecordView } from '../coord/index.ts';
import { hasCode } from '../error/index.ts';
import { Ticker } from '../timing/index.ts';
import type { Logger } from '../logger/index.ts';
import { rebalance } from './balance.ts';
import { strangerMsMax, reconcileEveryMs } from './limits.ts';
import { Partition, type ShardParts } from './partition.ts';
import type { ShardPlan } from './types.ts';

export interface ShardedJobParts extends ShardParts {
  readonly processId: string;
  readonly logger: Logger;
}

/** Where the plan of a sharded job is kept: a record of lib/coord. */
export function planKey(job: string): string {
  return `job/${job}`;
}

/**
 * This process's part in a sharded job. The workers are members of a group; the first of them, by id, plans who has
 * which partition and writes that into a record, which all follow. Two that plan at once are told apart by the
 * version of the record, and whoever follows an old plan waits for leases: the plan says who should, the lease and
 * its fence who does.
 */
export class ShardedJob implements AsyncDisposable {
  readonly #parts: ShardedJobParts;
  readonly #partitions = new Map<number, Partition>();
  readonly #givingBack = new Map<number, Promise<void>>();
  /** Workers that the member view has named; those it never did may be too new for it. */
  #known = new Set<string>();
  #strangers = new Map<string, number>();
  #stack: AsyncDisposableStack | undefined;
  #members: MemberView | undefined;
  #plan: RecordView<ShardPlan> | undefined;
  /** The newest plan that is known, which the view may not show yet. */
  #newest: CoordRecord<ShardPlan> | undefined;
  #planning: Promise<void> | undefined;
  #isClosed = false;

  private constructor(parts: ShardedJobParts) {
    this.#parts = parts;
  }

  /** Errors: those of lib/coord. */
  static async start(parts: ShardedJobParts): Promise<ShardedJob> {
    const job = new ShardedJob(parts);
    await job.#start();
    return job;
  }

  /** Partitions that this process holds. */
  held(): number[] {
    return [...this.#partitions].filter(([, { isHeld }]) => isHeld).map(([number]) => number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#planning;
    // Those who go on can plan while the last ticks end here.
    const partitions = [...this.#partitions.values()].map((partition) => partition.giveBack());
    await this.#stack?.disposeAsync();
    await Promise.all([...partitions, ...this.#givingBack.values()]);
  }

  async #start(): Promise<void> {
    const { coord, options, processId, logger } = this.#parts;
    const { job } = options;
    const group = planKey(job);
    await using stack = new AsyncDisposableStack();
    stack.use(await coord.join(group, { id: processId, data: {} }));
    this.#members = stack.use(await coord.members(group));
    this.#plan = stack.use(await coord.watch<ShardPlan>(planKey(job)));
    stack.defer(this.#members.onChange(() => this.#reconcile()));
    stack.defer(this.#plan.onChange(() => this.#reconcile()));
    const run = (): void => this.#reconcile();
    stack.use(
      new Ticker({
        name: `job ${job}`,
        intervalMs: reconcileEveryMs,
        run,
        logger,
        unref: true,
        immediate: true,
      }),
    );
    this.#stack = stack.move();
  }

  #reconcile(): void {
    if (this.#isClosed) return;
    const shown = this.#plan!.current();
    if (shown && shown.version > (this.#newest?.version ?? 0)) this.#newest = shown;
    this.#planning ??= this.#replan().finally(() => (this.#planning = undefined));
    this.#follow();
  }

  #workers(): string[] {
    const present = this.#members!.list().map(({ id }) => id);
    const planned = new Set(this.#newest?.value.owners);
    this.#known = new Set([...present, ...[...this.#known].filter((id) => planned.has(id))]);
    const nowMs = this.#parts.clock.monotonicMs();
    const strangers = new Map<string, number>();
    // Only one who is there still can have seen a worker that is not seen here yet.
    const isSeenByOthers = present.includes(this.#newest?.value.planner ?? '');
    for (const owner of isSeenByOthers ? planned : []) {
      if (present.includes(owner) || this.#known.has(owner)) continue;
      strangers.set(owner, this.#strangers.get(owner) ?? nowMs);
    }
    this.#strangers = strangers;
    const young = [...strangers].filter(([, sinceMs]) => nowMs - sinceMs < strangerMsMax).map(([id]) => id);
    return [...present, ...young].toSorted();
  }

  /** The first worker by id plans, whenever the workers are others than those planned for. */
  async #replan(): Promise<void> {
    const { coord, options, processId, events } = this.#parts;
    const workers = this.#workers();
    if (workers[0] !== processId) return;
    const { version = 0, value } = this.#newest ?? {};
    const before = fitted(value?.owners ?? [], options.partitions);
    const owners = rebalance(before, workers);
    if (owners.every((owner, partition) => owner === before[partition])) return;
    try {
      const plan: ShardPlan = { owners, planner: processId, isPaused: value?.isPaused ?? false };
      const written = await coord.cas(planKey(options.job), version, plan);
      if (!written) return events.planConflict();
      if (written.version > (this.#newest?.version ?? 0)) this.#newest = written;
      events.planned(options.job, owners.filter((owner, at) => owner !== before[at]).length, workers.length);
      this.#follow();
    } catch (error) {
      if (!hasCode(error, 'COORD_UNAVAILABLE', 'COORD_CLOSED')) throw error;
      events.engineFailed(error);
    }
  }

  /** Takes and gives back what the plan says. */
  #follow(): void {
    if (this.#isClosed) return;
    const { owners = [], isPaused = false } = this.#newest?.value ?? {};
    for (let number = 0; number < this.#parts.options.partitions; number++) {
      const isMine = owners[number] === this.#parts.processId && !isPaused;
      const partition = this.#partitions.get(number);
      if (partition && !isMine) this.#giveBack(number, partition);
      else if (isMine && !partition && !this.#givingBack.has(number))
        this.#partitions.set(number, new Partition(this.#parts, number));
    }
  }

  #giveBack(number: number, partition: Partition): void {
    this.#partitions.delete(number);
    const givenBack = partition.giveBack().then(() => {
      this.#givingBack.delete(number);
      this.#follow();
    });
    this.#givingBack.set(number, givenBack);
  }
}

function fitted(owners: readonly string[], partitions: number): (string | undefined)[] {
  return Array.from({ length: partitions }, (_, partition) => owners[partition]);
}

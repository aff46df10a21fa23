import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { coordMigrations } from '@gala/lib/coord';
import { jobMigrations } from '@gala/lib/jobs';
import { createLogger } from '@gala/lib/logger';
import { startTestPostgres } from '@gala/lib/sql/testing';
import type { TickSeen, WorkerSetup } from './jobs-rooms.ts';

const partitions = 64;
const intervalMs = 1000;

export interface VisitsOptions {
  readonly workers: number;
  readonly seconds: number;
}

export interface Visits {
  /** Ticks that all partitions made, of those that were due. */
  readonly ticks: number;
  readonly ticksDue: number;
  readonly ticksTwice: number;
  readonly visits: number;
  readonly lateMsP50: number;
  readonly lateMsP99: number;
  readonly lateMsMax: number;
  /** Share of one core that all workers use together. */
  readonly workersCpuPercent: number;
}

/** Has 100,000 rooms visited once a second over 64 partitions, and measures from the second after all tick. */
export async function measureVisits({ workers, seconds }: VisitsOptions): Promise<Visits> {
  const logger = createLogger({ name: 'bench', level: 'silent' });
  await using postgres = await startTestPostgres({ sets: [coordMigrations, jobMigrations], logger });
  await using crew = new Crew();
  const job = { job: 'bench.visit', partitions, intervalMs, onOverrun: { queue: 10 } } as const;
  for (let serial = 1; serial <= workers; serial++) {
    crew.start({ urls: postgres.urls, processId: `worker-${serial}`, job });
  }
  await crew.allTick();
  const firstTick = Math.max(...crew.seen.map(({ tick }) => tick)) + 1;
  const before = await crew.cpuMs();
  const beganMs = performance.now();
  await sleep((seconds + 2) * 1000);
  const cpuShare = ((await crew.cpuMs()) - before) / (performance.now() - beganMs);
  const seen = crew.seen.filter(({ tick }) => tick >= firstTick && tick < firstTick + seconds);
  return { ...judge(seen), ticksDue: partitions * seconds, workersCpuPercent: cpuShare * 100 };
}

function judge(seen: readonly TickSeen[]) {
  const ticks = new Set(seen.map(({ partition, tick }) => `${partition} ${tick}`)).size;
  const late = seen.map(({ lateMs }) => lateMs).toSorted((one, two) => one - two);
  const quantile = (share: number): number =>
    late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? NaN;
  return {
    ticks,
    ticksTwice: seen.length - ticks,
    visits: seen.reduce((sum, { visits }) => sum + visits, 0),
    lateMsP50: quantile(0.5),
    lateMsP99: quantile(0.99),
    lateMsMax: quantile(1),
  };
}

class Crew implements AsyncDisposable {
  readonly seen: TickSeen[] = [];
  readonly #children: ChildProcess[] = [];

  start(setup: WorkerSetup): void {
    const child = fork(join(import.meta.dirname, 'jobs-worker.ts'), [JSON.stringify(setup)]);
    this.#children.push(child);
    child.on('message', (message: TickSeen | object) => {
      if ('tick' in message) this.seen.push(message);
    });
  }

  /** Each partition has ticked, and what each worker compiled at its first ticks is compiled. */
  async allTick(): Promise<void> {
    const count = (): number => new Set(this.seen.map(({ partition }) => partition)).size;
    const endsAtMs = performance.now() + 60_000;
    while (count() < partitions) {
      if (performance.now() > endsAtMs) throw new Error(`only ${count()} of ${partitions} partitions tick`);
      await sleep(100);
    }
    await sleep(2000);
  }

  /** CPU time of all workers so far. */
  async cpuMs(): Promise<number> {
    const used = this.#children.map(async (child) => {
      const answer = Promise.withResolvers<number>();
      child.on('message', (message: { cpu?: NodeJS.CpuUsage }) => {
        if (message.cpu) answer.resolve((message.cpu.user + message.cpu.system) / 1000);
      });
      child.send('cpu');
      return answer.promise;
    });
    return (await Promise.all(used)).reduce((sum, each) => sum + each, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#children.filter((child) => child.exitCode === null);
    const ended = running.map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(ended);
  }
}

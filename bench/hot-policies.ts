/** One key read 100 times as often as any other, by several processes' caches over one Memcached cluster. */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Breakers } from '@gala/lib/breaker';
import { Caches, type CacheBounds, type TieredCache, type ValueStore } from '@gala/lib/cache';
import { coarseClock, systemClock } from '@gala/lib/clock';
import type { Collections } from '@gala/lib/collections';
import type { Levels } from './levels-engines.ts';
import { formatNumber, formatSpread, spreadOf, table, type Spread } from './measure.ts';

/** Caches in this process that stand for processes: each has connections, a sketch and counters of its own. */
const processCount = 8;
const keys = Array.from({ length: 20 }, (_, index) => `room:${index}`);
/** Each process reads this often; a tick that comes late is not made up for, so that a pause makes no burst. */
const readEveryMs = 1;
/** Reads under way in one process; one more is left out and counted. */
const underWayMax = 16;
/** Of all reads, those of the hot key: 100 for each of any other. */
const hotShare = 100 / (100 + keys.length - 1);
/** What the source takes to answer. */
const sourceMs = 5;
/** Until the hot key is known in all processes, and compiled code is what runs. */
const settleMs = 500;
const coldMs = 250;

const off = { readsPerSecond: 400, pin: false, copies: 1, loadsPerSecondMax: 0 };
/** So short a life in each process stands for a fleet of so many that the misses of all are as many as here. */
const ownBounds = { ttlMs: 5, unheardTtlMs: 5, revalidateMsMax: 0, sharedTtlMs: 1000, entriesMax: 1000 };

const policies: readonly (readonly [name: string, hot: CacheBounds['hot']])[] = [
  ['none', { ...off, readsPerSecond: 1e8 }],
  ['pin', { ...off, pin: true }],
  ['4 copies', { ...off, copies: 4 }],
  ['limit 10/s', { ...off, loadsPerSecondMax: 10 }],
  ['all three', { ...off, pin: true, copies: 4, loadsPerSecondMax: 10 }],
];

/** What one process has of the levels below, for the whole bench: nothing connects while it is measured. */
interface Place {
  readonly collections: Collections;
  readonly store: ValueStore;
}

const figureNames = [
  'nodePer1000',
  'besideMean',
  'sourceReads',
  'hotP50Us',
  'hotP99Ms',
  'otherP50Us',
  'otherP99Ms',
  'refusedPer1000',
] as const;
type Figures = Record<(typeof figureNames)[number], number>;
export type PolicyFigures = ReadonlyMap<string, Record<(typeof figureNames)[number], Spread>>;

/** What the machine did while it was measured: beyond these bounds the times say more of it than of the cache. */
export interface Limits {
  loopBusyShareMax: number;
  leftOut: number;
  reads: number;
  /** Of requests to Memcached, and nodes left alone for it. */
  failures: number;
}

export interface PolicyBench {
  readonly policies: PolicyFigures;
  readonly starts: PolicyFigures;
  readonly limits: Limits;
}

/** All policies one after the other in each round, so that what disturbs the machine disturbs all of them. */
export async function measurePolicies(
  levels: Levels,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<PolicyBench> {
  const places: Place[] = [];
  for (let index = 0; index < processCount; index++) {
    const breakers = new Breakers({ clock: systemClock, ...levels.quiet() });
    const [collections, store] = [await levels.openCollections(), await levels.openPeers(breakers)];
    places.push({ collections, store });
  }
  const limits = { loopBusyShareMax: 0, leftOut: 0, reads: 0, failures: 0 };
  const measured = new Map<string, Figures[]>(policies.map(([name]) => [name, []]));
  const started = new Map<string, Figures[]>(startNames.map((name) => [name, []]));
  let serial = 0;
  const run = (policy: Omit<Run, 'levels' | 'places' | 'limits' | 'cache'>) =>
    measure({ ...policy, levels, places, limits, cache: `bench-${serial++}` });
  const ms = seconds * 1000;
  // The first round is for the compiler.
  for (let round = -1; round < rounds; round++) {
    for (const [name, hot] of policies) {
      const figures = await run({ hot, settleMs, ms: round < 0 ? 300 : ms, isWarmed: false });
      if (round >= 0) measured.get(name)!.push(figures);
    }
    for (const name of startNames) {
      const isWarmed = name === 'warmed before';
      const figures = await run({ hot: { ...off, pin: true }, settleMs: 0, ms: coldMs, isWarmed });
      if (round >= 0) started.get(name)!.push(figures);
    }
  }
  limits.failures = await levels.nodeFailures();
  return { policies: spreadsOf(measured), starts: spreadsOf(started), limits };
}

const startNames = ['cold', 'warmed before'] as const;

function spreadsOf(measured: ReadonlyMap<string, readonly Figures[]>): PolicyFigures {
  return new Map(
    [...measured].map(([name, runs]) => {
      const spreads = figureNames.map((figure) => [figure, spreadOf(runs.map((each) => each[figure]))]);
      return [name, Object.fromEntries(spreads) as Record<(typeof figureNames)[number], Spread>];
    }),
  );
}

interface Run {
  readonly levels: Levels;
  readonly places: readonly Place[];
  readonly limits: Limits;
  readonly hot: CacheBounds['hot'];
  /** Another name for each, so that none meets what the one before it left. */
  readonly cache: string;
  readonly settleMs: number;
  readonly ms: number;
  readonly isWarmed: boolean;
}

async function measure({ levels, places, limits, ...run }: Run): Promise<Figures> {
  await using stack = new AsyncDisposableStack();
  let sourceReads = 0;
  const load = async (asked: readonly string[]) => {
    if (asked.includes(keys[0])) sourceReads++;
    await delay(sourceMs);
    return asked.map((key) => ({ value: `the row of ${key}`, version: 1 }));
  };
  const caches = places.map((place, index) => {
    const { metrics } = levels.quiet();
    const processId = `${run.cache}-${index}`;
    const process = stack.use(new Caches({ processId, clock: coarseClock, metrics, ...place }));
    return process.open({ name: run.cache, load, bounds: { ...ownBounds, hot: run.hot } });
  });
  if (run.isWarmed) await Promise.all(caches.map((cache) => cache.warm(keys)));
  if (run.settleMs > 0) await readAll(caches, run.settleMs);
  sourceReads = 0;
  const before = await levels.nodeReads();
  const answers = await readAll(caches, run.ms);
  const after = await levels.nodeReads();
  limits.loopBusyShareMax = Math.max(limits.loopBusyShareMax, answers.loopBusyShare);
  limits.leftOut += answers.leftOut;
  limits.reads += answers.reads;
  const nodeReads = after.map((reads, index) => reads - before[index]);
  return figuresOf({ answers, nodeReads, sourceReads });
}

function figuresOf(run: {
  readonly answers: Answers;
  readonly nodeReads: readonly number[];
  readonly sourceReads: number;
}): Figures {
  const { hotMs, otherMs, reads, refused } = run.answers;
  const most = Math.max(...run.nodeReads);
  const mean = run.nodeReads.reduce((sum, each) => sum + each, 0) / run.nodeReads.length;
  return {
    nodePer1000: (1000 * most) / reads,
    besideMean: most / Math.max(1, mean),
    sourceReads: run.sourceReads,
    hotP50Us: 1000 * quantile(hotMs, 0.5),
    hotP99Ms: quantile(hotMs, 0.99),
    otherP50Us: 1000 * quantile(otherMs, 0.5),
    otherP99Ms: quantile(otherMs, 0.99),
    refusedPer1000: (1000 * refused) / reads,
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}

interface Answers {
  reads: number;
  refused: number;
  leftOut: number;
  loopBusyShare: number;
  /** How long each read of the hot key took, and each of any other. */
  readonly hotMs: number[];
  readonly otherMs: number[];
}

/** Each process reads at its own pace. */
async function readAll(caches: readonly TieredCache<string>[], ms: number): Promise<Answers> {
  const answers: Answers = { reads: 0, refused: 0, leftOut: 0, loopBusyShare: 0, hotMs: [], otherMs: [] };
  const underWay = caches.map(() => 0);
  const endMs = performance.now() + ms;
  const loop = performance.eventLoopUtilization();
  while (performance.now() < endMs) {
    for (const [index, cache] of caches.entries()) {
      if (underWay[index] >= underWayMax) {
        answers.leftOut++;
        continue;
      }
      underWay[index]++;
      void readOne(cache, answers).then(() => underWay[index]--);
    }
    await delay(readEveryMs);
  }
  answers.loopBusyShare = performance.eventLoopUtilization(loop).utilization;
  while (underWay.some((count) => count > 0)) await delay(1);
  return answers;
}

async function readOne(cache: TieredCache<string>, answers: Answers): Promise<void> {
  const isHot = Math.random() < hotShare;
  const key = isHot ? keys[0] : keys[1 + Math.floor(Math.random() * (keys.length - 1))];
  answers.reads++;
  const beganMs = performance.now();
  try {
    await cache.get(key);
    (isHot ? answers.hotMs : answers.otherMs).push(performance.now() - beganMs);
  } catch {
    answers.refused++;
  }
}

const columns: readonly (readonly [header: string, figure: keyof Figures, digits: number])[] = [
  ['hottest node, per 1,000 reads', 'nodePer1000', 0],
  ['beside the mean node', 'besideMean', 2],
  ['source reads', 'sourceReads', 0],
  ['hot p50 µs', 'hotP50Us', 0],
  ['hot p99 ms', 'hotP99Ms', 1],
  ['other p50 µs', 'otherP50Us', 0],
  ['other p99 ms', 'otherP99Ms', 1],
  ['refused, per 1,000', 'refusedPer1000', 0],
];

export function policyTable(figures: PolicyFigures, firstHeader: string): string {
  const rows = [...figures].map(([name, spreads]) => [
    name,
    ...columns.map(([, figure, digits]) => formatSpread(spreads[figure], digits)),
  ]);
  return table([firstHeader, ...columns.map(([header]) => header)], rows);
}

/** Whether the times above are the cache's or the machine's. */
export function limitsLine({ loopBusyShareMax, leftOut, reads, failures }: Limits): string {
  const busy = `event loop busy at most ${formatNumber(100 * loopBusyShareMax, 0)} % of a run`;
  const left = `${formatNumber(leftOut, 0)} of ${formatNumber(reads + leftOut, 0)} reads left out`;
  const failed = `${failures} requests to Memcached late or failed`;
  const isLimited = loopBusyShareMax > 0.7 || leftOut > 0.001 * reads || failures > 0;
  const verdict = isLimited
    ? 'the machine limited some runs, and their p99 is its, not that of a policy'
    : 'none of these limited the runs';
  return `${busy}, ${left}, ${failed}: ${verdict}.`;
}

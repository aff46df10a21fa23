/** One key read 100 times as often as any other, by several processes' caches over one Memcached cluster. */
import { setTimeout as delay } from 'node:timers/promises';
import { Breakers } from '@gala/lib/breaker';
import { Caches, type CacheBounds, type TieredCache } from '@gala/lib/cache';
import { coarseClock, systemClock } from '@gala/lib/clock';
import type { Levels } from './levels-engines.ts';
import { formatNumber, table } from './measure.ts';

const processCount = 8;
const keys = Array.from({ length: 20 }, (_, index) => `room:${index}`);
/** Of each process. */
const readsPerMs = 1;
/** Of all reads, those of the hot key: 100 for each of any other. */
const hotShare = 100 / (100 + keys.length);
/** What the source takes to answer. */
const sourceMs = 5;

const off = { readsPerSecond: 400, pin: false, copies: 1, loadsPerSecondMax: 0 };
/** So short a life in each process stands for a fleet of so many that the misses of all are as many as here. */
const ownBounds = { ttlMs: 5, unheardTtlMs: 5, revalidateMsMax: 0, sharedTtlMs: 3000, entriesMax: 1000 };

const policies: readonly (readonly [name: string, hot: CacheBounds['hot']])[] = [
  ['none', { ...off, readsPerSecond: 1e9 }],
  ['pin', { ...off, pin: true }],
  ['4 copies', { ...off, copies: 4 }],
  ['limit 10/s', { ...off, loadsPerSecondMax: 10 }],
  ['all three', { ...off, pin: true, copies: 4, loadsPerSecondMax: 10 }],
];

interface Measured {
  readonly name: string;
  readonly reads: number;
  readonly nodeReads: readonly number[];
  readonly hotSourceReads: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refused: number;
}

export async function measurePolicies(levels: Levels, seconds: number): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const [index, [name, hot]] of policies.entries()) {
    measured.push(await measure(levels, { name, hot, cache: `bench-${index}`, seconds }));
  }
  return measured;
}

interface Policy {
  readonly name: string;
  readonly hot: CacheBounds['hot'];
  /** Another name for each, so that none meets what the one before it left. */
  readonly cache: string;
  readonly seconds: number;
}

async function measure(levels: Levels, policy: Policy): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  let hotSourceReads = 0;
  const load = async (asked: readonly string[]) => {
    if (asked.includes(keys[0])) hotSourceReads++;
    await delay(sourceMs);
    return asked.map((key) => ({ value: `the row of ${key}`, version: 1 }));
  };
  const caches: TieredCache<string>[] = [];
  for (let index = 0; index < processCount; index++) {
    const collections = await levels.openCollections();
    const quiet = levels.quiet();
    const store = await levels.openPeers(new Breakers({ clock: systemClock, ...quiet }));
    const process = new Caches({
      processId: `${policy.cache}-${index}`,
      clock: coarseClock,
      metrics: quiet.metrics,
      store,
      collections,
    });
    stack.use(process);
    caches.push(process.open({ name: policy.cache, load, bounds: { ...ownBounds, hot: policy.hot } }));
  }
  await readAll(caches, 1000);
  hotSourceReads = 0;
  const before = await levels.nodeReads();
  const answers = await readAll(caches, policy.seconds * 1000);
  const after = await levels.nodeReads();
  const hotMs = answers.hotMs.sort((a, b) => a - b);
  return {
    name: policy.name,
    reads: answers.reads,
    nodeReads: after.map((reads, index) => reads - before[index]),
    hotSourceReads,
    p50Ms: hotMs[Math.floor(hotMs.length / 2)],
    p99Ms: hotMs[Math.floor(hotMs.length * 0.99)],
    refused: answers.refused,
  };
}

interface Answers {
  reads: number;
  refused: number;
  /** How long each read of the hot key took. */
  readonly hotMs: number[];
}

/** An even stream of reads by all processes, whether or not the ones before are answered. */
async function readAll(caches: readonly TieredCache<string>[], ms: number): Promise<Answers> {
  const answers: Answers = { reads: 0, refused: 0, hotMs: [] };
  const beganMs = performance.now();
  const underWay = new Set<Promise<void>>();
  for (let nowMs = 0; nowMs < ms; nowMs = performance.now() - beganMs) {
    for (; answers.reads < nowMs * readsPerMs * caches.length; answers.reads++) {
      const reading = readOne(caches[answers.reads % caches.length], answers);
      underWay.add(reading);
      void reading.then(() => underWay.delete(reading));
    }
    await delay(1);
  }
  await Promise.all(underWay);
  return answers;
}

async function readOne(cache: TieredCache<string>, answers: Answers): Promise<void> {
  const isHot = Math.random() < hotShare;
  const key = isHot ? keys[0] : keys[1 + Math.floor(Math.random() * (keys.length - 1))];
  const beganMs = performance.now();
  try {
    await cache.get(key);
    if (isHot) answers.hotMs.push(performance.now() - beganMs);
  } catch {
    answers.refused++;
  }
}

export function policyTable(measured: readonly Measured[]): string {
  const rows = measured.map(({ name, reads, nodeReads, hotSourceReads, p50Ms, p99Ms, refused }) => {
    const mean = nodeReads.reduce((sum, each) => sum + each, 0) / nodeReads.length;
    return [
      name,
      formatNumber(reads, 0),
      formatNumber(Math.max(...nodeReads), 0),
      formatNumber(Math.max(...nodeReads) / mean, 2),
      String(hotSourceReads),
      formatNumber(p50Ms, 3),
      formatNumber(p99Ms, 2),
      String(refused),
    ];
  });
  const header = ['policy', 'reads', 'at the hottest node', 'beside the mean', 'source reads of it'];
  return table([...header, 'its p50 ms', 'its p99 ms', 'refused'], rows);
}

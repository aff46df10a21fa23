import { setTimeout as delay } from 'node:timers/promises';
import { Breakers } from '../../lib/breaker/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { collectionsSection, openCollections, type Collections } from '../../lib/collections/index.ts';
import { createLogger } from '../../lib/logger/index.ts';
import { openPeers } from '../../lib/memcached/index.ts';
import { createMetrics } from '../../lib/metrics/index.ts';
import { Caches } from '../../lib/cache/caches.ts';
import { CollectionsValueStore } from '../../lib/cache/collections-store.ts';
import type { CacheBounds, Sourced, TieredCache, TieredCacheCounters } from '../../lib/cache/tiered-cache.ts';

/** A process of its own for the tests: one cache over real engines, whose source is the test that started it. */
export interface LevelOwner {
  readonly processId: string;
  /** `host:port` of Redis: of the shared level, and of messages, which may be a way that can be cut. */
  readonly redis: string;
  readonly busRedis: string;
  /** Nodes of one cluster of Memcached, for a second cache with that as its shared level. */
  readonly memcached?: readonly string[];
  readonly bounds?: Partial<CacheBounds>;
}

/** The row of the test's source: its version is its value. */
export interface Row {
  readonly version: number;
}

export type OwnerTask =
  | {
      readonly task: 'read';
      readonly key: string;
      readonly count: number;
      readonly shared: 'redis' | 'memcached';
    }
  | { readonly task: 'watch'; readonly keys: readonly string[]; readonly readsPerTurn: number }
  | { readonly task: 'write'; readonly keys: readonly string[]; readonly everyMs: number }
  | { readonly task: 'stop' }
  | { readonly task: 'hammer'; readonly key: string; readonly ms: number; readonly readsPerMs: number }
  | { readonly task: 'awaitHot'; readonly key: string; readonly timeoutMs: number }
  | { readonly task: 'counters' };

export interface OwnerAnswers {
  /** How many answers had each version. */
  readonly read: Readonly<Record<string, number>>;
  readonly watch: { readonly seen: readonly Seen[]; readonly heardAgainMs: number; readonly reads: number };
  readonly write: { readonly written: readonly Written[]; readonly heardAgainMs: number };
  readonly stop: boolean;
  /** When the first read began, and the slowest thousandth of the answers. */
  readonly hammer: { readonly beganMs: number; readonly reads: number; readonly p999Ms: number };
  /** When the key was known to be hot; 0: not in time. */
  readonly awaitHot: number;
  readonly counters: TieredCacheCounters;
}

/** Reads of one version that began in the same 20 ms. */
export interface Seen {
  readonly key: string;
  readonly version: number;
  readonly beganMs: number;
  readonly count: number;
}

export interface Written {
  readonly key: string;
  readonly version: number;
  readonly toldMs: number;
}

export type FromOwner =
  | { readonly load: number; readonly keys: readonly string[] }
  | { readonly commit: number; readonly key: string }
  | { readonly answer: number; readonly value: unknown }
  | { readonly ready: true };
export type ToOwner =
  | { readonly loaded: number; readonly rows: readonly Row[] }
  | { readonly committed: number; readonly version: number }
  | { readonly ask: number; readonly task: OwnerTask };

interface Opened {
  readonly redis: TieredCache<Row>;
  readonly memcached: TieredCache<Row>;
}

const bucketMs = 20;
const now = (): number => performance.timeOrigin + performance.now();
const waiting = new Map<number, (answer: never) => void>();
let serial = 0;
const stop = { isAsked: false };

const owner = JSON.parse(process.env['LEVEL_OWNER'] ?? '{}') as LevelOwner;
const caches = await open(owner);
const cache = caches.redis;

function ask<Answer>(message: (id: number) => FromOwner): Promise<Answer> {
  const id = ++serial;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    process.send!(message(id));
  });
}

async function open({ processId, redis, busRedis, memcached, bounds }: LevelOwner): Promise<Opened> {
  const logger = createLogger({ name: processId, level: 'silent' });
  const metrics = createMetrics(processId);
  const clock = systemClock;
  const openRedis = (address: string): Promise<Collections> => {
    const config = collectionsSection.schema.parse({ engine: 'redis', address, writesPerSecondMax: 100_000 });
    return openCollections({ config, clock, logger, metrics: createMetrics(address) });
  };
  const collections = await openRedis(busRedis);
  const breakers = new Breakers({ clock, logger, metrics });
  const store = new CollectionsValueStore(redis === busRedis ? collections : await openRedis(redis));
  const clusters = [{ name: 'a', nodes: memcached ?? [] }];
  const peers = memcached && (await openPeers({ clusters, clock, logger, metrics, breakers }));
  const onRedis = new Caches({ processId, clock, metrics, store, collections });
  const onPeers = new Caches({
    processId,
    clock,
    metrics: createMetrics('peers'),
    store: peers,
    collections,
  });
  const load = (keys: readonly string[]): Promise<Sourced<Row>[]> =>
    ask<readonly Row[]>((id) => ({ load: id, keys })).then((rows) =>
      rows.map((row) => ({ value: row, version: row.version })),
    );
  return {
    redis: onRedis.open<Row>({ name: 'row', load, bounds }),
    memcached: onPeers.open<Row>({ name: 'peer-row', load, bounds }),
  };
}

process.on('message', (message: ToOwner) => {
  if ('ask' in message) void answer(message.ask, message.task);
  else if ('loaded' in message) settle(message.loaded, message.rows);
  else settle(message.committed, message.version);
});

function settle(id: number, value: unknown): void {
  waiting.get(id)?.(value as never);
  waiting.delete(id);
}

process.on('disconnect', () => process.exit());
while (!cache.isHeard || !caches.memcached.isHeard) await delay(5);
process.send!({ ready: true } satisfies FromOwner);

async function answer(id: number, task: OwnerTask): Promise<void> {
  process.send!({ answer: id, value: await run(task) } satisfies FromOwner);
}

function run(task: OwnerTask): Promise<OwnerAnswers[keyof OwnerAnswers]> {
  switch (task.task) {
    case 'read':
      return readMany(caches[task.shared], task.key, task.count);
    case 'watch':
      return watch(task.keys, task.readsPerTurn);
    case 'write':
      return write(task.keys, task.everyMs);
    case 'hammer':
      return hammer(task);
    case 'awaitHot':
      return awaitHot(task.key, task.timeoutMs);
    case 'stop':
      return Promise.resolve((stop.isAsked = true));
    default:
      return Promise.resolve(cache.counters);
  }
}

async function readMany(from: TieredCache<Row>, key: string, count: number): Promise<OwnerAnswers['read']> {
  const rows = await Promise.all(Array.from({ length: count }, () => from.get(key)));
  const versions: Record<string, number> = {};
  for (const row of rows) versions[`${row?.version}`] = (versions[`${row?.version}`] ?? 0) + 1;
  return versions;
}

/** Reads without pause until told to stop; what it saw when, and when changes were heard of again. */
async function watch(keys: readonly string[], readsPerTurn: number): Promise<OwnerAnswers['watch']> {
  stop.isAsked = false;
  const seen = new Map<string, Seen & { count: number }>();
  let reads = 0;
  let heardAgainMs = 0;
  let wasHeard = true;
  const note = (key: string, beganMs: number, version: number): void => {
    const name = `${key}/${version}/${beganMs}`;
    const bucket = seen.get(name);
    if (bucket) bucket.count++;
    else seen.set(name, { key, version, beganMs, count: 1 });
  };
  while (!stop.isAsked) {
    const beganMs = Math.floor(now() / bucketMs) * bucketMs;
    for (let read = 0; read < readsPerTurn; read++) {
      const key = keys[(reads + read) % keys.length];
      cache.get(key).then(
        (row) => note(key, beganMs, row?.version ?? 0),
        () => undefined,
      );
    }
    reads += readsPerTurn;
    if (cache.isHeard && !wasHeard) heardAgainMs = now();
    wasHeard = cache.isHeard;
    await delay(1);
  }
  return { seen: [...seen.values()], heardAgainMs, reads };
}

/** Changes one key after the other until told to stop; when each change had been told. */
async function write(keys: readonly string[], everyMs: number): Promise<OwnerAnswers['write']> {
  stop.isAsked = false;
  const written: Written[] = [];
  let heardAgainMs = 0;
  let wasHeard = true;
  for (let index = 0; !stop.isAsked; index++) {
    const key = keys[index % keys.length];
    const version = await ask<number>((id) => ({ commit: id, key }));
    await cache.invalidate(key, version);
    written.push({ key, version, toldMs: now() });
    if (cache.isHeard && !wasHeard) heardAgainMs = now();
    wasHeard = cache.isHeard;
    await delay(everyMs);
  }
  return { written, heardAgainMs };
}

async function hammer(task: Extract<OwnerTask, { task: 'hammer' }>): Promise<OwnerAnswers['hammer']> {
  const beganMs = now();
  const tookMs: number[] = [];
  let reads = 0;
  while (now() - beganMs < task.ms) {
    const target = (now() - beganMs) * task.readsPerMs;
    const startMs = performance.now();
    const batch: Promise<unknown>[] = [];
    for (; reads < target; reads++) batch.push(cache.get(task.key).catch(() => undefined));
    await Promise.all(batch);
    tookMs.push(performance.now() - startMs);
    await delay(1);
  }
  tookMs.sort((a, b) => a - b);
  return { beganMs, reads, p999Ms: tookMs[Math.floor(tookMs.length * 0.999)] ?? 0 };
}

async function awaitHot(key: string, timeoutMs: number): Promise<number> {
  const endMs = now() + timeoutMs;
  while (now() < endMs) {
    if (cache.hotKeys().some((hot) => hot.key === key)) return now();
    await delay(2);
  }
  return 0;
}

/** What a read costs in each level of the cache, beside lru-cache and a bare Map, and what the hot-key policies do. */
import { Breakers } from '@gala/lib/breaker';
import {
  Caches,
  CollectionsValueStore,
  LoadingCache,
  MemoryValueStore,
  type ValueStore,
} from '@gala/lib/cache';
import { coarseClock, systemClock } from '@gala/lib/clock';
import { createMetrics } from '@gala/lib/metrics';
import { startTestPostgres } from '@gala/lib/sql/testing';
import { LRUCache } from 'lru-cache';
import { limitsLine, measurePolicies, policyTable } from './hot-policies.ts';
import { startLevels, type Levels } from './levels-engines.ts';
import { formatNumber, formatSpread, spreadOf, table, type Spread } from './measure.ts';

const keyCount = 10_000;
const keys = Array.from({ length: keyCount }, (_, index) => `room:${index}`);
const row = { roomId: 7, title: 'a room with a title of usual length', viewers: 1234, state: 'live' };
const ttlMs = 60_000;

interface Options {
  readonly rounds: number;
  /** Reads of one round in this process, and of a level beyond it. */
  readonly hits: number;
  readonly remoteReads: number;
  readonly policies: { readonly rounds: number; readonly seconds: number };
}

const full = { rounds: 9, hits: 1_000_000, remoteReads: 2000, policies: { rounds: 5, seconds: 2 } };
const quick = { rounds: 3, hits: 300_000, remoteReads: 500, policies: { rounds: 3, seconds: 0.7 } };

/** Answers 0: these are costs to compare, the promise of the cache is kept by its tests. */
export async function main(args: readonly string[]): Promise<number> {
  const options: Options = args.includes('--quick') ? quick : full;
  await using levels = await startLevels();
  console.log(`\nIn this process, ns of CPU each, ${options.rounds} interleaved rounds, median (range):\n`);
  console.log(await hitTable(options));
  console.log('\nReads of one key of each level beyond it, one after the other, and of 100 keys at once:\n');
  console.log(await remoteTable(levels, options));
  const { policies, starts, limits } = await measurePolicies(levels, options.policies);
  console.log(
    '\nA key that eight processes read 100 times as often as any other, 8,000 reads a second at most:\n',
  );
  console.log(policyTable(policies, 'policy'));
  console.log('\nThe same in the first 250 ms of a key that no level has:\n');
  console.log(policyTable(starts, 'start'));
  console.log(`\n${limitsLine(limits)}`);
  return 0;
}

type Measured = readonly [name: string, perOpNs: () => number | Promise<number>];

async function spreads(rounds: number, measured: readonly Measured[]): Promise<Map<string, Spread>> {
  const values = new Map<string, number[]>(measured.map(([name]) => [name, []]));
  for (const [, perOp] of measured) await perOp();
  for (let round = 0; round < rounds; round++) {
    for (const [name, perOp] of measured) values.get(name)!.push(await perOp());
  }
  return new Map([...values].map(([name, each]) => [name, spreadOf(each)]));
}

/** Keys in an order that no cache of the processor foresees, the same for all. */
function scattered(count: number): string[] {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return keys[state % keyCount];
  });
}

/** CPU time of this process, which other programs on the machine disturb less than the time that passes. */
function perCpu(count: number, each: (index: number) => void): number {
  const began = process.cpuUsage();
  for (let index = 0; index < count; index++) each(index);
  return cpuUsSince(began) * (1000 / count);
}

function cpuUsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return user + system;
}

async function hitTable({ rounds, hits }: Options): Promise<string> {
  const order = scattered(4096);
  const perRead = (read: (key: string) => unknown) => () => {
    let found = 0;
    const ns = perCpu(hits, (index) => {
      if (read(order[index & 4095]) !== undefined) found++;
    });
    if (found !== hits) throw new Error('every read is a hit');
    return ns;
  };
  const perAwait = (read: (key: string) => Promise<unknown> | undefined) => async () => {
    const began = process.cpuUsage();
    for (let index = 0; index < hits; index++) await read(order[index & 4095]);
    return cpuUsSince(began) * (1000 / hits);
  };
  const map = new Map(keys.map((key) => [key, row]));
  const promises = new Map(keys.map((key) => [key, Promise.resolve(row)]));
  const peer = new LRUCache<string, typeof row>({ max: 2 * keyCount, ttl: ttlMs });
  for (const key of keys) peer.set(key, row);
  await using caches = new Caches({
    processId: 'bench',
    clock: coarseClock,
    metrics: createMetrics('bench'),
  });
  const load = async (asked: readonly string[]) => asked.map(() => ({ value: row, version: 1 }));
  const cache = caches.open<typeof row>({ name: 'bench', load, bounds: { unheardTtlMs: ttlMs, ttlMs } });
  await cache.warm(keys);
  const got = await spreads(rounds, [
    ['Map.get', perRead((key) => map.get(key))],
    ['lru-cache get, with a TTL', perRead((key) => peer.get(key))],
    ['cache.peek', perRead((key) => cache.peek(key))],
    ['await Map.get of a promise', perAwait((key) => promises.get(key))],
    ['await cache.get', perAwait((key) => cache.get(key))],
    ...fills(hits),
  ]);
  const floor = got.get('lru-cache get, with a TTL')!.median;
  const rows = [...got].map(([name, spread]) => [
    name,
    formatSpread(spread, 0),
    formatNumber(spread.median / floor, 2),
  ]);
  return table(['operation', 'ns', 'beside a get of lru-cache'], rows);
}

/** Keys that are not there, each in the place of another one. */
function fills(hits: number): readonly Measured[] {
  const max = keyCount / 2;
  const map = new Map<string, typeof row>();
  const peer = new LRUCache<string, typeof row>({ max, ttl: ttlMs });
  const cache = new LoadingCache<string, typeof row>({ clock: coarseClock, entriesMax: max, ttlMs });
  const answer = () => Promise.resolve(row);
  const count = Math.ceil(hits / 4);
  return [
    [
      'Map.set, the oldest deleted',
      () =>
        perCpu(count, (index) => {
          map.set(keys[index % keyCount], row);
          if (map.size > max) map.delete(map.keys().next().value!);
        }),
    ],
    ['lru-cache set, with a TTL', () => perCpu(count, (index) => peer.set(keys[index % keyCount], row))],
    [
      'await cache.get, load and eviction',
      async () => {
        const began = process.cpuUsage();
        for (let index = 0; index < count; index++) await cache.get(keys[index % keyCount], answer);
        return cpuUsSince(began) * (1000 / count);
      },
    ],
  ];
}

const sourceName = 'source (PostgreSQL)';

async function remoteTable(levels: Levels, { rounds, remoteReads }: Options): Promise<string> {
  const peers = await levels.openPeers(new Breakers({ clock: systemClock, ...levels.quiet() }));
  await using stack = new AsyncDisposableStack();
  const postgres = stack.use(await startTestPostgres());
  const memory = new MemoryValueStore({ clock: systemClock, bytesMax: 100_000_000 });
  const redis = new CollectionsValueStore(await levels.openCollections());
  const stores: readonly (readonly [string, ValueStore])[] = [
    ['memory of this process', memory],
    ['Memcached', stack.use(peers)],
    ['Redis', redis],
  ];
  const bytes = Buffer.from(JSON.stringify(row));
  const batch = keys.slice(0, 100);
  for (const [, store] of stores) {
    await Promise.all(batch.map((key) => store.set(key, { version: 1, bytes }, ttlMs)));
  }
  const cpuUs = new Map<string, number[]>();
  const perCallAndCpu = async (name: string, call: (index: number) => Promise<unknown>): Promise<number> => {
    const began = process.cpuUsage();
    const us = await perCall(remoteReads, call);
    cpuUs.set(name, [...(cpuUs.get(name) ?? []), cpuUsSince(began) / remoteReads]);
    return us;
  };
  const one: Measured[] = stores.map(([name, store]) => [
    name,
    () => perCallAndCpu(name, (index) => store.get([batch[index % 100]])),
  ]);
  const many: Measured[] = stores.map(([name, store]) => [
    name,
    () => perCall(remoteReads / 100, () => store.get(batch)),
  ]);
  const { pool } = postgres.sql.core();
  await pool.query(
    'create table bench_row as select id, $1::text as value from generate_series(0, 9999) id',
    [bytes.toString()],
  );
  await pool.query('create unique index on bench_row(id)');
  const single = { name: 'one', text: 'select value from bench_row where id = $1' };
  const several = { name: 'many', text: 'select id, value from bench_row where id = any($1)' };
  const ids = Array.from({ length: 100 }, (_, index) => index);
  one.push([sourceName, () => perCallAndCpu(sourceName, (index) => pool.query(single, [index % 100]))]);
  many.push([sourceName, () => perCall(remoteReads / 100, () => pool.query(several, [ids]))]);
  const [ones, manys] = [await spreads(rounds, one), await spreads(rounds, many)];
  const rows = [...ones].map(([name, spread]) => [
    name,
    formatSpread(spread, 1),
    formatSpread(spreadOf(cpuUs.get(name)!.slice(1)), 1),
    formatNumber(manys.get(name)!.median / 100, 2),
  ]);
  return table(['level', 'one key, µs', 'its CPU here, µs', 'each of 100, µs'], rows);
}

/** One after the other: µs of a call. */
async function perCall(count: number, call: (index: number) => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  for (let index = 0; index < count; index++) await call(index);
  return ((performance.now() - beganMs) * 1000) / count;
}

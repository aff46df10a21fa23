import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseUrls } from '@gala/lib/sql';
import { openTestSql, testOptions } from './shop-process.ts';

/**
 * Writes to one shard and reads what it wrote, until it is told to end; then it says how it went. Each of its clients
 * has rows of its own and counts what was acknowledged.
 */
const { urls, shard, name, clients } = testOptions() as {
  urls: DatabaseUrls;
  shard: number;
  name: number;
  clients: number;
};
const sql = await openTestSql(urls, `writer-${name}`);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const seen = { writes: 0, reads: 0, failed: 0, staleReads: 0, slowestMs: 0 };
const failures = new Set<string>();

async function timed<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  const begunMs = performance.now();
  try {
    return await work();
  } catch (error) {
    seen.failed++;
    failures.add(String(error));
    return undefined;
  } finally {
    seen.slowestMs = Math.max(seen.slowestMs, performance.now() - begunMs);
  }
}

async function write(client: number): Promise<Record<string, number>> {
  const acknowledged: Record<string, number> = {};
  for (let version = 1; !stop.signal.aborted; version++) {
    const owner = name * 1000 + client;
    const id = owner * 100 + (version % 20);
    const done = await timed(() =>
      sql.tx(shard, async (connection) => {
        await connection.query(
          `insert into shop (shard, shop_id, orders) values ($1, $2, 1)
           on conflict (shard, shop_id) do update set orders = shop.orders + 1`,
          [shard, owner],
        );
        await connection.query(
          `insert into shop_order (shard, order_id, shop_id, version, note) values ($1, $2, $3, $4, repeat('n', 3000))
           on conflict (shard, order_id) do update set version = excluded.version`,
          [shard, id, owner, version],
        );
        return true;
      }),
    );
    // Some hundred transactions a second over all clients.
    await delay(8);
    if (!done) continue;
    acknowledged[id] = version;
    acknowledged[`shop ${owner}`] = (acknowledged[`shop ${owner}`] ?? 0) + 1;
    seen.writes++;
    const read = await timed(() =>
      sql.read(shard, (connection) =>
        connection.query<{ version: number }>(
          'select version from shop_order where shard = $1 and order_id = $2',
          [shard, id],
        ),
      ),
    );
    seen.reads++;
    if (read && read.rows[0]?.version !== version) seen.staleReads++;
  }
  return acknowledged;
}

console.log('ready');
const acknowledged = await Promise.all(Array.from({ length: clients }, (_, client) => write(client)));
await sql[Symbol.asyncDispose]();
console.log(
  JSON.stringify({ ...seen, failures: [...failures], acknowledged: Object.assign({}, ...acknowledged) }),
);

import { expect } from 'vitest';
import { moveShard, type MoveStep } from '@gala/lib/shards';
import { readShardMap } from '@gala/lib/sql';
import { endTestProcess } from './shop-process.ts';
import type { ShopTest } from './shop-shards.ts';

const within = { timeout: 30_000, interval: 20 };
const shard = 18;

/**
 * Two processes write to a shard while movers of it are killed, one after each of `steps`; then a write says where
 * the shard is. Fails unless it is on one side, nothing that was told is lost, and the next mover ends the move.
 */
export async function killMovers(shop: ShopTest, steps: readonly MoveStep[]): Promise<void> {
  const stopWriters = await shop.startWriters(shard);
  const table: string[] = [];
  for (const stopAfter of steps) table.push(await killMover(shop, stopAfter));
  const written = await stopWriters();
  const lost = await shop.countLost(shard, written);
  const writes = written.reduce((sum, one) => sum + one.writes, 0);
  const failures = written.flatMap((one) => one.failures);
  console.log(['killed at | then on | fences of the next', ...table].join('\n'));
  console.log(`${writes} writes meanwhile, ${failures.length} failed, ${lost} lost`);
  expect(writes).toBeGreaterThan(0);
  expect(failures).toEqual([]);
  expect(written.map(({ staleReads }) => staleReads)).toEqual([0, 0]);
  expect(lost).toBe(0);
}

/** A line of the table. */
async function killMover(shop: ShopTest, stopAfter: MoveStep): Promise<string> {
  const from = (await readShardMap(shop.sql.core().pool, 2)).owners[shard];
  const to = 1 - from;
  const mover = shop.startProcess('shop-mover.ts', { shard, to, stopAfter });
  await expect.poll(() => mover.lines, within).toContain(stopAfter);
  await endTestProcess(mover, 'SIGKILL');
  // Whoever comes next finds out where the shard is, and brings it there.
  await shop.sql.tx(shard, (client) => client.query('select 1'));
  const isOver = stopAfter === 'decided' || stopAfter === 'finished';
  const place = isOver ? to : from;
  const places = await shop.placesOf(shard);
  expect({ stopAfter, ...places }).toEqual({ stopAfter, owners: [place], holders: [place] });
  expect(await shop.countOrders(shard)).toBeGreaterThanOrEqual(2000);
  const { fences } = await moveShard({ sql: shop.sql, shard, to });
  expect(await shop.placesOf(shard)).toEqual({ owners: [to], holders: [to] });
  await expect.poll(() => shop.leftOvers(), within).toEqual([]);
  return `${stopAfter.padEnd(9)} | ${isOver ? 'target' : 'source'} | ${fences}`;
}

import { afterAll, beforeAll, expect, test } from 'vitest';
import { readShardMap } from '@gala/lib/sql';
import { moveShard, type MoveStep } from '@gala/lib/shards';
import { ShopTest } from '../harness/shop-shards.ts';
import { endTestProcess } from '../harness/shop-process.ts';

let shop: ShopTest;
const within = { timeout: 30_000, interval: 20 };

beforeAll(async () => {
  shop = await ShopTest.start([18]);
}, 60_000);
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

const steps: readonly MoveStep[] = [
  'claimed',
  'staged',
  'copied',
  'caughtUp',
  'fenced',
  'ready',
  'decided',
  'finished',
];

/**
 * Goal: a shard is never on two databases and never on none.
 * Method: a mover is killed after each of its steps while two processes write; then a write says where the shard is.
 */
test('a mover that is killed at any step leaves the shard on one side, and the next one ends the move', async () => {
  const table: string[] = [];
  const stopWriters = await shop.startWriters(18);
  for (const stopAfter of steps) {
    const from = (await readShardMap(shop.sql.core().pool, 2)).owners[18];
    const to = 1 - from;
    const mover = shop.startProcess('shop-mover.ts', { shard: 18, to, stopAfter });
    await expect.poll(() => mover.lines, within).toContain(stopAfter);
    await endTestProcess(mover, 'SIGKILL');
    // Whoever comes next finds out where the shard is, and brings it there.
    await shop.sql.tx(18, (client) => client.query('select 1'));
    const isOver = stopAfter === 'decided' || stopAfter === 'finished';
    const place = isOver ? to : from;
    expect({ stopAfter, ...(await shop.placesOf(18)) }).toEqual({
      stopAfter,
      owners: [place],
      holders: [place],
    });
    expect(await shop.countOrders(18)).toBeGreaterThanOrEqual(2000);
    const { fences } = await moveShard({ sql: shop.sql, shard: 18, to });
    expect(await shop.placesOf(18)).toEqual({ owners: [to], holders: [to] });
    await expect.poll(() => shop.leftOvers(), within).toEqual([]);
    table.push(`${stopAfter.padEnd(9)} | ${isOver ? 'target' : 'source'} | ${fences}`);
  }
  const written = await stopWriters();
  const lost = await shop.countLost(18, written);
  const writes = written.reduce((sum, one) => sum + one.writes, 0);
  const failures = written.flatMap((one) => one.failures);
  console.log(['killed at | then on | fences of the next', ...table].join('\n'));
  console.log(`${writes} writes meanwhile, ${failures.length} failed, ${lost} lost`);
  expect(failures).toEqual([]);
  expect(written.map(({ staleReads }) => staleReads)).toEqual([0, 0]);
  expect(lost).toBe(0);
}, 120_000);

import { test } from 'vitest';
import { killMovers } from '../harness/shop-kills.ts';
import { ShopTest } from '../harness/shop-shards.ts';

/**
 * Goal: a shard is never on two databases and never on none.
 * Method: a mover is killed after the steps around its decision, while two processes write; shard-move.soak.test.ts has all.
 */
test('a mover that is killed leaves the shard on one side, and the next one ends the move', async () => {
  await using shop = await ShopTest.start([18]);
  await killMovers(shop, ['copied', 'fenced', 'ready', 'decided']);
}, 180_000);

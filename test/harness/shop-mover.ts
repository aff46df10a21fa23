import type { DatabaseUrls } from '@gala/lib/sql';
import { moveShard } from '@gala/lib/shards';
import { openTestSql, testOptions } from './shop-process.ts';

/** Moves a shard and stands still for ever after one step, so that it can be killed there. */
const { urls, shard, to, stopAfter } = testOptions() as {
  urls: DatabaseUrls;
  shard: number;
  to: number;
  stopAfter: string;
};
const sql = await openTestSql(urls, 'mover');
const report = await moveShard({
  sql,
  shard,
  to,
  onStep: async (step) => {
    console.log(step);
    if (step === stopAfter) await new Promise(() => setInterval(() => undefined, 1000));
  },
});
console.log(JSON.stringify(report));
await sql[Symbol.asyncDispose]();

import { expect, test } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { CutPath } from '../../test/harness/cut-path.ts';
import { RedisServer } from '../../test/harness/engines/redis.ts';
import { CountedSource, startLevelCrew } from '../../test/harness/level-crew.ts';
import { countStale } from '../../test/harness/level-stale.ts';

const rounds = Number(process.env['SOAK_ROUNDS'] ?? 100);

describeWithEngines('messages cut again and again', ['redis-server'], () => {
  /** Goal: 10^8 answers, none out of date but while messages are cut. Method: cuts of any length, with processes stopped. */
  test('no answer is out of date once messages flow', async () => {
    await using stack = new AsyncDisposableStack();
    const redis = stack.use(await RedisServer.start());
    const path = stack.use(await CutPath.open(`http://${redis.address}`));
    const owner = { redis: redis.address, busRedis: redis.address, bounds: { unheardTtlMs: 300 } };
    const cut = { ...owner, busRedis: new URL(path.url).host };
    const owners = [owner, cut, owner, cut].map((each, index) => ({
      ...each,
      processId: `process-${index}`,
    }));
    const crew = await startLevelCrew(owners, new CountedSource({ answerMs: 2 }));
    for (const process of crew) stack.use(process);
    const total = { reads: 0, flowing: 0, stale: 0 };
    for (let round = 0; round < rounds; round++) {
      const cutMs = 100 + Math.random() * 6000;
      const times = { beforeMs: 1000, cutMs, afterMs: 3000 };
      const isPaused = round % 3 === 2;
      const measured = await countStale({ crew, path, keys: 40, readsPerTurn: 400, isPaused, ...times });
      for (const { reader, phase, reads, stale, staleMsMax } of measured) {
        total.reads += reads;
        if (phase === 'cut') continue;
        total.flowing += reads;
        total.stale += stale;
        if (stale > 0) console.log({ round, cutMs, isPaused, reader, phase, reads, stale, staleMsMax });
      }
    }
    console.log(`| rounds | answers | while messages flow | outdated | promise |`);
    console.log(`| ${rounds} | ${total.reads} | ${total.flowing} | ${total.stale} | 1 in 10^8 |`);
    expect(total.stale).toBe(0);
  });
});

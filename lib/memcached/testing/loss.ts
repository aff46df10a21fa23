import { expect } from 'vitest';
import { openTestPeers } from './index.ts';
import { batchesOf, fillAll, lostOf, startTwoClusters } from './two-clusters.ts';

/**
 * Fills clusters of M and N nodes, kills one node of one, then one of the other, and compares what is lost with
 * 1/M · 1/N and with what both rings say, key by key.
 */
export async function measureLoss(keyCount: number, sizes: readonly [number, number]): Promise<void> {
  await using clusters = await startTwoClusters(sizes, { memory: 256 });
  // What is lost is the matter here, not what is late: a node that is dead refuses at once.
  await using peers = await openTestPeers(clusters.configs, { limits: { requestMsMax: 10_000 } });
  const fillMs = await timed(() => fillAll(peers.store, batchesOf(keyCount)));
  const allUp = await lostOf(peers.store, batchesOf(keyCount));
  await clusters.nodes[0][0].kill();
  const oneDown = await lostOf(peers.store, batchesOf(keyCount));
  await clusters.nodes[1][0].kill();
  let twoDown: string[] = [];
  const readMs = await timed(async () => {
    twoDown = await lostOf(peers.store, batchesOf(keyCount));
  });
  const doomed = [...batchesOf(keyCount)]
    .flat()
    .filter((key) => clusters.placeOf(0, key) === 0 && clusters.placeOf(1, key) === 0);
  const promised = 1 / sizes[0] / sizes[1];
  console.table({
    'all nodes up': rowOf(allUp.length / keyCount, 0),
    'one node down': rowOf(oneDown.length / keyCount, 0),
    [`two down, clusters of ${sizes.join(' and ')}`]: rowOf(twoDown.length / keyCount, promised),
  });
  console.log(`${keyCount} keys: filled in ${fillMs.toFixed(0)} ms, read in ${readMs.toFixed(0)} ms`);
  expect(allUp).toEqual([]);
  expect(oneDown).toEqual([]);
  expect(twoDown).toEqual(doomed);
  expect(twoDown.length / keyCount).toBeGreaterThan(promised * 0.75);
  expect(twoDown.length / keyCount).toBeLessThan(promised * 1.25);
}

function rowOf(lost: number, promised: number): object {
  return { 'lost %': (lost * 100).toFixed(3), '1/M · 1/N %': (promised * 100).toFixed(3) };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

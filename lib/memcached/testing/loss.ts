import { openTestPeers } from './index.ts';
import { batchesOf, fillAll, lostOf, type TestNode, type TwoClusters } from './two-clusters.ts';

/** Shares (0..1) of keys that are not found any more. */
export interface Loss {
  readonly allUp: number;
  readonly oneDown: number;
  readonly twoDown: number;
  /** 1/M · 1/N. */
  readonly promised: number;
  /** Keys that were lost while a ring gives them to a node that lives, or not lost while no ring does. */
  readonly unexplained: number;
}

/**
 * Fills clusters of M and N nodes, kills one node of one, then one of the other, and compares what is lost with
 * 1/M · 1/N and with what both rings say, key by key.
 */
export async function measureLoss(clusters: TwoClusters<TestNode>, keyCount: number): Promise<Loss> {
  const sizes = clusters.nodes.map(({ length }) => length);
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
  const isDoomed = (key: string): boolean => clusters.placeOf(0, key) === 0 && clusters.placeOf(1, key) === 0;
  const doomed = new Set(batchesOf(keyCount).flatMap((batch) => batch.filter(isDoomed)));
  const loss = {
    allUp: allUp.length / keyCount,
    oneDown: oneDown.length / keyCount,
    twoDown: twoDown.length / keyCount,
    promised: 1 / sizes[0] / sizes[1],
    unexplained: doomed.symmetricDifference(new Set(twoDown)).size,
  };
  show(loss, `clusters of ${sizes.join(' and ')} nodes`);
  console.log(`${keyCount} keys: filled in ${fillMs.toFixed(0)} ms, read in ${readMs.toFixed(0)} ms`);
  return loss;
}

function show({ allUp, oneDown, twoDown, promised }: Loss, what: string): void {
  const row = (lost: number, expected: number): object => ({
    'lost %': (lost * 100).toFixed(3),
    'expected %': (expected * 100).toFixed(3),
  });
  console.table({
    [`${what}, all up`]: row(allUp, 0),
    'one node down': row(oneDown, 0),
    'one of each cluster down: 1/M · 1/N': row(twoDown, promised),
  });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

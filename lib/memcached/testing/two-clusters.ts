import type { ValueStore } from '../../cache/types.ts';
import type { PeerClusterConfig } from '../open.ts';
import { Ring } from '../ring.ts';

/** A Memcached that a test has started. */
export interface TestNode extends AsyncDisposable {
  readonly address: string;
  kill(): Promise<void>;
}

/** Cluster `a` and cluster `b`, of real nodes. */
export interface TwoClusters<Node extends TestNode> extends AsyncDisposable {
  readonly configs: readonly [PeerClusterConfig, PeerClusterConfig];
  readonly nodes: readonly [readonly Node[], readonly Node[]];
  /** Index of the node that has the key in cluster 0 or 1. */
  placeOf(cluster: 0 | 1, key: string): number;
}

export function twoClusters<Node extends TestNode>(
  a: readonly Node[],
  b: readonly Node[],
): TwoClusters<Node> {
  const configs = [configOf('a', a), configOf('b', b)] as const;
  const rings = configs.map(({ name, nodes }) => new Ring(nodes, name));
  return {
    configs,
    nodes: [a, b],
    placeOf: (cluster, key) => rings[cluster].indexOf(key),
    [Symbol.asyncDispose]: async () => {
      for (const node of [...a, ...b]) await node[Symbol.asyncDispose]();
    },
  };
}

function configOf(name: string, nodes: readonly TestNode[]): PeerClusterConfig {
  return { name, nodes: nodes.map(({ address }) => address) };
}

const batchSize = 512;

/** Keys `0` to `count - 1` in batches as large as a read may be. */
export function* batchesOf(count: number): Generator<string[]> {
  for (let first = 0; first < count; first += batchSize) {
    yield Array.from({ length: Math.min(batchSize, count - first) }, (_, index) => `room:${first + index}`);
  }
}

/** Stores a small value under each key, several batches at once. */
export async function fillAll(store: ValueStore, keys: Iterable<string[]>, version = 1): Promise<void> {
  const value = { version, bytes: Buffer.from('12345678') };
  for (const batch of keys) await Promise.all(batch.map((key) => store.set(key, value, 3_600_000)));
}

/** The keys that are not there any more. */
export async function lostOf(store: ValueStore, keys: Iterable<string[]>): Promise<string[]> {
  const lost: string[] = [];
  for (const batch of keys) {
    const found = await store.get(batch);
    lost.push(...batch.filter((_, index) => found[index] === undefined));
  }
  return lost;
}

import { describeWithEngines } from '../../test/engines.ts';
import { startMemcacheds } from '../../test/harness/engines/memcached.ts';
import { valueStoreContract } from '../cache/contract.ts';
import { openTestPeers } from './testing/index.ts';

/** A busy machine must not make an answer late here: what is late is the matter of the fault tests. */
const limits = { requestMsMax: 5000 };

describeWithEngines('Memcached peers', ['memcached'], () => {
  peersContract('one cluster of one node', [1]);
  peersContract('two clusters of three nodes', [3, 3]);
});

function peersContract(name: string, sizes: readonly number[]): void {
  valueStoreContract(`Memcached, ${name}`, async () => {
    const engines = await Promise.all(sizes.map((size) => startMemcacheds(size)));
    const clusters = engines.map((nodes, index) => ({
      name: `cluster-${index}`,
      nodes: nodes.map(({ address }) => address),
    }));
    return {
      open: async () => (await openTestPeers(clusters, { limits })).store,
      [Symbol.asyncDispose]: async () => {
        for (const node of engines.flat()) await node[Symbol.asyncDispose]();
      },
    };
  });
}

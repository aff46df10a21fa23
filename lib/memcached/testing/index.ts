import { Breakers } from '../../breaker/index.ts';
import { systemClock } from '../../clock/index.ts';
import { createLogger } from '../../logger/index.ts';
import { createMetrics } from '../../metrics/index.ts';
import type { PeerCounters } from '../counters.ts';
import type { PeerLimits } from '../limits.ts';
import { openPeers, type PeerClusterConfig } from '../open.ts';
import type { ValueStore } from '../../cache/types.ts';

/** Peers as one process has them. */
export interface TestPeers extends AsyncDisposable {
  readonly store: ValueStore;
  /** What its metrics show of a cluster, or of all. */
  count(name: keyof PeerCounters, cluster?: string): Promise<number>;
}

export interface TestPeersOptions {
  readonly zone?: string;
  readonly limits?: Partial<PeerLimits>;
}

export async function openTestPeers(
  clusters: readonly PeerClusterConfig[],
  { zone, limits }: TestPeersOptions = {},
): Promise<TestPeers> {
  const metrics = createMetrics('test');
  const tools = { clock: systemClock, logger: createLogger({ name: 'test', level: 'silent' }), metrics };
  const store = await openPeers({ clusters, zone, limits, breakers: new Breakers(tools), ...tools });
  const count = async (name: keyof PeerCounters, cluster?: string): Promise<number> => {
    const series = `gala_cache_peer_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total{`;
    return (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith(series) && (!cluster || line.includes(`cluster="${cluster}"`)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  return { store, count, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

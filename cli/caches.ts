import type { Breakers } from '@gala/lib/breaker';
import {
  Caches,
  cacheSection,
  CollectionsValueStore,
  collectionsStoreCounterNames,
  type ValueStore,
} from '@gala/lib/cache';
import { coarseClock, type Clock } from '@gala/lib/clock';
import { collectionsSection, type Collections } from '@gala/lib/collections';
import type { Settings } from '@gala/lib/config';
import type { Logger } from '@gala/lib/logger';
import { openPeers } from '@gala/lib/memcached';
import type { Metrics } from '@gala/lib/metrics';

export interface CachesParts {
  readonly settings: Settings;
  readonly processId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly breakers: Breakers;
  readonly collections: Collections;
  /** Takes what is to be closed with the process. */
  readonly stack: AsyncDisposableStack;
}

/** The caches of a process on the levels that its settings name. */
export async function openCaches(parts: CachesParts): Promise<Caches> {
  const { settings, processId, metrics, collections, stack } = parts;
  const config = settings.get(cacheSection);
  // Shared data in memory is of this process alone: messages of others do not come by it.
  const isShared = settings.get(collectionsSection).engine !== 'memory';
  const store = await openStore(parts);
  if (store) stack.use(store);
  const shared = isShared ? collections : undefined;
  return stack.use(
    new Caches({ config, processId, clock: coarseClock, metrics, store, collections: shared }),
  );
}

async function openStore({ settings, collections, ...parts }: CachesParts): Promise<ValueStore | undefined> {
  const { shared, zone, clusters } = settings.get(cacheSection);
  const level = shared ?? (clusters.length > 0 ? 'memcached' : 'none');
  if (level === 'collections') {
    const counters = parts.metrics.counters('cache_collections', collectionsStoreCounterNames);
    return new CollectionsValueStore(collections, counters);
  }
  return level === 'memcached' ? openPeers({ ...parts, zone, clusters }) : undefined;
}

import type { Metrics } from '../metrics/index.ts';

/** What is counted of each cluster. */
export const peerCounterNames = [
  /** Values answered, by version or as known not to exist. */
  'hits',
  /** Keys asked for in vain, tombstones included. */
  'misses',
  /** Keys not asked for because their node was away. */
  'skips',
  /** Values that this cluster missed and was given from another one; not given because too many were under way. */
  'heals',
  'healsDropped',
  /** Times that a node was left alone, and taken back. */
  'ejections',
  'returns',
  /** Requests without an answer in time; those that failed otherwise, or were not made because too many waited. */
  'timeouts',
  'failures',
  'refusals',
  /** Values not stored because something newer was there; answers not given for an invalidation elsewhere. */
  'olderRefused',
  'olderSkipped',
  /** Writes that others always came between. */
  'contended',
  /** Items that were not ours, or damaged; values beyond the limit. */
  'damaged',
  'tooLarge',
  /** Invalidations that a node missed and was given later; too many, so that it was emptied. */
  'owed',
  'flushes',
] as const;

export type PeerCounters = Record<(typeof peerCounterNames)[number], number>;

export function newPeerCounters(): PeerCounters {
  return Object.fromEntries(peerCounterNames.map((name) => [name, 0])) as PeerCounters;
}

/** Shows the counters of all clusters; their number is bounded by the settings. */
export function showPeerCounters(metrics: Metrics, clusters: ReadonlyMap<string, PeerCounters>): void {
  for (const name of peerCounterNames) {
    const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    metrics.labelledCounters({
      name: `gala_cache_peer_${words.replaceAll(' ', '_')}_total`,
      help: `Memcached peers: ${words}`,
      labelNames: ['cluster'],
      read: () =>
        [...clusters].map(([cluster, counters]) => ({ labels: { cluster }, value: counters[name] })),
    });
  }
}

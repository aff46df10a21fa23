import type { Breakers } from '../breaker/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { ValueStore } from '../cache/types.ts';
import { Cluster } from './cluster.ts';
import { NodeConnection } from './connection.ts';
import { newPeerCounters, showPeerCounters, type PeerCounters } from './counters.ts';
import { nodeEvents } from './events.ts';
import { failuresToEject, peerLimits, type PeerLimits } from './limits.ts';
import { PeerNode } from './node.ts';
import { Peers } from './peers.ts';
import { Ring } from './ring.ts';

/** One of several equal clusters. */
export interface PeerClusterConfig {
  /** Names it in metrics and salts its ring: clusters with different names spread keys differently. */
  readonly name: string;
  readonly zone?: string;
  /** `host:port` of each node. */
  readonly nodes: readonly string[];
}

export interface OpenPeersOptions {
  readonly clusters: readonly PeerClusterConfig[];
  /** Zone of this process. */
  readonly zone?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly breakers: Breakers;
  readonly limits?: Partial<PeerLimits>;
}

/** Connects to all nodes; those that do not come are used when they do. */
export async function openPeers(options: OpenPeersOptions): Promise<ValueStore> {
  const counters = new Map(options.clusters.map(({ name }) => [name, newPeerCounters()]));
  const clusters = options.clusters.map((config) => openCluster(config, counters.get(config.name)!, options));
  showPeerCounters(options.metrics, counters);
  await Promise.all(clusters.flatMap(({ nodes }) => nodes.map((node) => node.start())));
  return new Peers({ clusters, zone: options.zone });
}

function openCluster(config: PeerClusterConfig, counters: PeerCounters, options: OpenPeersOptions): Cluster {
  const { name, zone } = config;
  const nodes = config.nodes.map((address) => openNode({ address, cluster: name, counters }, options));
  return new Cluster({ name, zone, ring: new Ring(config.nodes, name), nodes, counters });
}

interface NodePlace {
  readonly address: string;
  readonly cluster: string;
  readonly counters: PeerCounters;
}

function openNode({ address, cluster, counters }: NodePlace, options: OpenPeersOptions): PeerNode {
  const { clock, logger, breakers } = options;
  const limits = { ...peerLimits, ...options.limits };
  const { hostname, port } = new URL(`tcp://${address}`);
  const connection = new NodeConnection({
    host: hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(port),
    limitMs: limits.requestMsMax,
    clock,
  });
  const breaker = breakers.get({
    dependency: 'memcached',
    instance: `${cluster}/${address}`,
    policy: {
      window: { calls: failuresToEject },
      tripFailures: failuresToEject,
      probes: 2,
      probeMsMax: limits.connectMsMax + limits.requestMsMax + 500,
      openMsMin: limits.awayMsMin,
      openMsMax: limits.awayMsMax,
    },
  });
  const events = nodeEvents({ logger, counters, cluster, node: address });
  return new PeerNode({ connection, breaker, clock, limits, counters, events });
}

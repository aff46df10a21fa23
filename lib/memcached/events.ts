import type { Logger } from '../logger/index.ts';
import type { PeerCounters } from './counters.ts';

export interface NodeEvents {
  away(error: unknown): void;
  back(awayMs: number): void;
  emptied(): void;
}

export interface NodeEventTools {
  readonly logger: Logger;
  readonly counters: PeerCounters;
  readonly cluster: string;
  readonly node: string;
}

/** What operators want to know of one node. */
export function nodeEvents({ logger, counters, cluster, node }: NodeEventTools): NodeEvents {
  return {
    away: (error) => {
      counters.ejections++;
      logger.warn({ cluster, node, error }, 'memcached node left alone');
    },
    back: (awayMs) => {
      counters.returns++;
      logger.info({ cluster, node, awayMs }, 'memcached node is back');
    },
    emptied: () => {
      counters.flushes++;
      logger.warn({ cluster, node }, 'memcached node emptied: it missed too many invalidations');
    },
  };
}

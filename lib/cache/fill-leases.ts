import type { Collections } from '../collections/index.ts';
import { hasCode } from '../error/index.ts';

/** Who reads the source for a key while all other processes wait: so many misses at once are one read. */
export interface FillLeases {
  /** False: another process holds it now. */
  take(key: string, ttlMs: number): Promise<boolean>;
  give(key: string): void;
}

/** By the number that an increment answers: 1 is the first. Without an answer everybody reads the source. */
export function collectionLeases(collections: Collections): FillLeases {
  const leaseKey = (key: string): string => `fill:${key}`;
  return {
    take: async (key, ttlMs) => {
      try {
        return (await collections.increment(leaseKey(key), 1, ttlMs)) === 1;
      } catch (error) {
        return !hasCode(error, 'WRITE_LIMITED');
      }
    },
    give: (key) => void collections.delete([leaseKey(key)]).catch(() => undefined),
  };
}

import { expect, test } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { startMemcacheds } from '../../test/harness/engines/memcached.ts';
import { measureLoss } from './testing/loss.ts';
import { twoClusters } from './testing/two-clusters.ts';

describeWithEngines('losing two nodes of different clusters, at length', ['memcached'], () => {
  test.each([
    [2, 3],
    [4, 5],
    [3, 3],
  ])(
    'clusters of %i and %i nodes lose 1/M · 1/N of 10^6 keys',
    async (m, n) => {
      const options = { memory: 256 };
      await using clusters = twoClusters(
        await startMemcacheds(m, options),
        await startMemcacheds(n, options),
      );
      const loss = await measureLoss(clusters, 1_000_000);
      expect(loss).toMatchObject({ allUp: 0, oneDown: 0, unexplained: 0 });
      expect(Math.abs(loss.twoDown / loss.promised - 1)).toBeLessThan(0.2);
    },
    600_000,
  );
});

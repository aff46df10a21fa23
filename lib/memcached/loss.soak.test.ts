import { test } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { measureLoss } from './testing/loss.ts';

describeWithEngines('losing two nodes of different clusters, at length', ['memcached'], () => {
  test.each([
    [2, 3],
    [4, 5],
    [3, 3],
  ])(
    'clusters of %i and %i nodes lose 1/M · 1/N of 10^6 keys',
    (m, n) => measureLoss(1_000_000, [m, n]),
    600_000,
  );
});

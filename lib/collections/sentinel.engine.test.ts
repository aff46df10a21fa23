import { describeWithEngines } from '../../test/engines.ts';
import { SentinelGroup } from '../../test/harness/engines/sentinel.ts';
import { collectionsContract } from './contract.ts';

describeWithEngines('Redis under three sentinels', ['redis-server', 'redis-sentinel'], () => {
  collectionsContract('Sentinel', async () => {
    const password = 'contract-password';
    const group = await SentinelGroup.start({ masters: ['one'], password });
    return {
      config: { engine: 'sentinel', sentinels: [...group.addresses], masters: ['one'], password },
      [Symbol.asyncDispose]: () => group[Symbol.asyncDispose](),
    };
  });
});

import { describeWithEngines } from '../../test/engines.ts';
import { RedisServer } from '../../test/harness/engines/redis.ts';
import { collectionsContract } from './contract.ts';

describeWithEngines('one Redis', ['redis-server'], () => {
  collectionsContract('Redis', async () => {
    const redis = await RedisServer.start({ password: 'contract-password' });
    return {
      config: { engine: 'redis', address: redis.address, password: 'contract-password' },
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  });
});

import { describeWithEngines } from '../../test/engines.ts';
import { RedisServer } from '../../test/harness/engines/redis.ts';
import { Twemproxy } from '../../test/harness/engines/twemproxy.ts';
import { collectionsContract } from './contract.ts';

describeWithEngines('two Redis behind three Twemproxy', ['redis-server', 'nutcracker'], () => {
  collectionsContract('Twemproxy', async () => {
    const password = 'contract-password';
    await using stack = new AsyncDisposableStack();
    const servers = [await RedisServer.start({ password }), await RedisServer.start({ password })];
    for (const server of servers) stack.use(server);
    const shards = servers.map(({ port }, index) => ({ name: `shard${index}`, host: '127.0.0.1', port }));
    const proxies: string[] = [];
    for (let index = 0; index < 3; index++) {
      proxies.push(stack.use(await Twemproxy.start({ shards, password })).address);
    }
    const owned = stack.move();
    return {
      config: { engine: 'twemproxy', proxies, address: servers[0].address, password },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  });
});

import { expect, test } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { RedisServer } from '../../test/harness/engines/redis.ts';
import { Twemproxy } from '../../test/harness/engines/twemproxy.ts';
import { systemClock } from '../clock/index.ts';
import { codeOf } from '../error/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { collectionsContract } from './contract.ts';
import type { CommandName } from './engine.ts';
import { ProxyEngine } from './proxy-engine.ts';
import { RedisConnection } from './redis-connection.ts';
import { Telemetry } from './telemetry.ts';

const unknown = ['INFO', 'KEYS', 'SCAN', 'MULTI', 'PUBLISH', 'SELECT', 'FLUSHALL', 'CLIENT', 'BLPOP'];

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

  test('what a proxy does not know is never sent, and harms no one', async () => {
    await using redis = await RedisServer.start();
    const shards = [{ name: 'only', host: '127.0.0.1', port: redis.port }];
    await using proxy = await Twemproxy.start({ shards });
    const metrics = createMetrics('test');
    const telemetry = new Telemetry(createLogger({ name: 'test', level: 'silent' }), metrics);
    await using connection = new RedisConnection({
      address: proxy.address,
      redis: { host: '127.0.0.1', port: proxy.port, enableReadyCheck: false },
      timeoutMs: 500,
      inFlightMax: 100,
      telemetry,
      clock: systemClock,
    });
    const engine = new ProxyEngine([connection], telemetry);
    await expect.poll(() => engine.isUp).toBe(true);
    const others = Array.from({ length: 50 }, (_, index) => engine.run('SET', [`k${index}`, 'x']));
    for (const command of unknown) {
      await expect(engine.run(command as CommandName, ['key'])).rejects.toThrow('is a listed command');
    }
    await Promise.all(others);
    expect(telemetry.counters).toMatchObject({ reconnects: 0, ejections: 0, retries: 0 });
    // The proof that it matters: sent past the list, one such command ends the connection for all.
    await expect(connection.send('KEYS', ['*'])).rejects.toThrow();
    await expect.poll(() => telemetry.counters.ejections).toBe(1);
  });

  test('a connection takes no more than its bound at once', async () => {
    await using redis = await RedisServer.start();
    const telemetry = new Telemetry(createLogger({ name: 'test', level: 'silent' }), createMetrics('test'));
    await using connection = new RedisConnection({
      address: redis.address,
      redis: { host: '127.0.0.1', port: redis.port },
      timeoutMs: 500,
      inFlightMax: 10,
      telemetry,
      clock: systemClock,
    });
    await expect.poll(() => connection.isUp).toBe(true);
    const sent = await Promise.allSettled(
      Array.from({ length: 25 }, (_, index) => connection.send('SET', [`k${index}`, 'x'])),
    );
    const refused = sent.filter((result) => result.status === 'rejected').map(({ reason }) => codeOf(reason));
    expect(refused).toEqual(Array.from({ length: 15 }, () => 'COLLECTIONS_BUSY'));
  });
});

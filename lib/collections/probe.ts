import { Redis } from 'ioredis';
import type { Settings } from '../config/index.ts';
import type { Probe } from '../probe/index.ts';
import { collectionsSection } from './config.ts';
import { endpointOf } from './endpoint.ts';

const timeoutMs = 1500;

/** Of each Redis, sentinel and proxy that the settings name; masters are found by the sentinels. */
export function collectionsProbes(settings: Settings): Probe[] {
  const config = settings.get(collectionsSection);
  if (config.engine === 'memory') return [];
  const { address, sentinels, masters, proxies, password, sentinelPassword } = config;
  const probe = (engine: string, at: string, ask: () => Promise<string>): Probe => {
    return { engine, feature: 'shared data', address: at, ask };
  };
  return [
    ...(address === undefined ? [] : [probe('redis', address, () => askVersion(address, password))]),
    ...sentinels.map((at) => probe('sentinel', at, () => askSentinelFor(at, masters, sentinelPassword))),
    ...proxies.map((at) => probe('twemproxy', at, () => askProxy(at, password))),
  ];
}

async function askVersion(address: string, password: string | undefined): Promise<string> {
  const info = await ask(address, password, (redis) => redis.info('server'));
  return /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'it answers';
}

/** Its version, when it knows a master of each name. */
async function askSentinelFor(
  address: string,
  masters: readonly string[],
  password: string | undefined,
): Promise<string> {
  return ask(address, password, async (redis) => {
    for (const name of masters) {
      const found = await redis.call('SENTINEL', 'get-master-addr-by-name', name);
      if (found === null) throw new Error(`it knows no master ${name}`);
    }
    const info = await redis.info('server');
    return `${/^redis_version:(\S+)/m.exec(info)?.[1] ?? 'it answers'}, ${masters.length} masters`;
  });
}

/** A proxy says nothing of itself; a read passes through it to the shard of that key. */
function askProxy(address: string, password: string | undefined): Promise<string> {
  return ask(address, password, async (redis) => {
    await redis.get('gala:probe');
    return 'it reaches a shard';
  });
}

async function ask<Answer>(
  address: string,
  password: string | undefined,
  work: (redis: Redis) => Promise<Answer>,
): Promise<Answer> {
  const redis = new Redis({
    ...endpointOf(address),
    password,
    protocol: 2,
    lazyConnect: true,
    disableClientInfo: true,
    enableReadyCheck: false,
    retryStrategy: null,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

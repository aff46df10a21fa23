import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisOptions } from 'ioredis';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { collectionsSection, type CollectionsConfig } from './config.ts';
import { endpointOf } from './endpoint.ts';
import { EngineCollections, type CollectionsBounds } from './engine-collections.ts';
import { Masters } from './masters.ts';
import { MemoryBus } from './memory-bus.ts';
import { MemoryEngine } from './memory-engine.ts';
import { ProxyEngine } from './proxy-engine.ts';
import { RedisBus } from './redis-bus.ts';
import { RedisConnection } from './redis-connection.ts';
import { RedisEngine } from './redis-engine.ts';
import { Telemetry } from './telemetry.ts';
import type { Collections } from './types.ts';

export interface OpenOptions {
  /** In memory unless told. */
  readonly config?: CollectionsConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Parts {
  readonly config: CollectionsConfig;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly bounds: CollectionsBounds;
  readonly resources: AsyncDisposableStack;
}

/** How long a start waits for the engine; after that it goes on, and the engine comes when it comes. */
const firstAnswerMsMax = 2000;

/** Shared data of a process. What is not reachable now is no error: it may be lost at any time anyway. */
export async function openCollections(options: OpenOptions): Promise<Collections> {
  const { config = collectionsSection.schema.parse({}), clock, logger, metrics } = options;
  const { writesPerSecondMax, elementsMax } = config;
  const telemetry = new Telemetry(logger, metrics);
  const resources = new AsyncDisposableStack();
  const parts: Parts = { config, telemetry, clock, bounds: { writesPerSecondMax, elementsMax }, resources };
  if (config.engine === 'memory') return openMemory(parts);
  return config.engine === 'twemproxy' ? openProxies(parts) : openDirect(parts);
}

function openMemory({ config, telemetry, clock, bounds, resources }: Parts): Collections {
  const { memoryBytesMax: bytesMax, memoryKeysMax: entriesMax } = config;
  const engine = new MemoryEngine({ bounds: { bytesMax, entriesMax }, counters: telemetry.counters, clock });
  telemetry.gauge('memory_bytes', 'estimate of what is kept in this process', () => engine.store.bytes);
  telemetry.gauge('memory_keys', 'keys kept in this process', () => engine.store.size);
  return new EngineCollections({
    engine,
    bus: new MemoryBus(telemetry),
    bounds,
    telemetry,
    clock,
    resources,
  });
}

/** One Redis, or the master of a Sentinel group: messages are published on the connection of commands. */
async function openDirect(parts: Parts): Promise<Collections> {
  const { config, telemetry, clock, bounds, resources } = parts;
  const [master] = config.engine === 'sentinel' ? config.masters : [];
  const { connection, bus } = openMessages(parts, master, master ?? config.address!);
  const engine = new RedisEngine(connection);
  await firstAnswer(clock, () => engine.isUp && bus.isFlowing);
  connection.reportTrouble();
  return new EngineCollections({ engine, bus, bounds, telemetry, clock, resources });
}

async function openProxies(parts: Parts): Promise<Collections> {
  const { config, telemetry, clock, bounds, resources } = parts;
  const proxies = config.proxies.map((at) =>
    // Twemproxy knows no INFO: with the ready check the connection would end before it began.
    connect(parts, at, { ...endpointOf(at), password: config.password, enableReadyCheck: false }),
  );
  const engine = new ProxyEngine(proxies, telemetry);
  const master = config.address === undefined ? (config.busMaster ?? config.masters[0]) : undefined;
  const { connection, bus } = openMessages(parts, master, `messages: ${master ?? config.address}`);
  await firstAnswer(clock, () => proxies.every(({ isUp }) => isUp) && bus.isFlowing);
  for (const each of [...proxies, connection]) each.reportTrouble();
  return new EngineCollections({ engine, bus, bounds, telemetry, clock, resources });
}

/** The bus, and the direct connection on which it publishes; under Sentinel both follow the master. */
function openMessages(parts: Parts, master: string | undefined, address: string) {
  const { config, telemetry, clock, resources } = parts;
  const redis = directOptions(config, master);
  const connection = connect(parts, address, redis);
  const { timeoutMs, sentinels, sentinelPassword: password } = config;
  const bus = resources.use(new RedisBus({ publisher: connection, redis, timeoutMs, telemetry, clock }));
  if (master !== undefined) {
    const masters = new Masters({
      sentinels: sentinels.map((at) => ({
        ...endpointOf(at),
        password,
        timeoutMs: Math.max(timeoutMs, 500),
      })),
      names: [master],
      onMasters: ([{ host, port }]) => {
        connection.leaveUnlessAt(host, port);
        bus.leaveUnlessAt(host, port);
      },
      // Without sentinels the connection goes on with the master that it has.
      onSilence: () => undefined,
    });
    resources.use(masters);
  }
  return { connection, bus };
}

function connect(
  { config, telemetry, clock, resources }: Parts,
  address: string,
  redis: RedisOptions,
): RedisConnection {
  const { timeoutMs, inFlightMax } = config;
  return resources.use(new RedisConnection({ address, redis, timeoutMs, inFlightMax, telemetry, clock }));
}

function directOptions(config: CollectionsConfig, master: string | undefined): RedisOptions {
  const { password, sentinels, sentinelPassword, timeoutMs } = config;
  if (master === undefined) return { ...endpointOf(config.address!), password };
  return {
    name: master,
    sentinels: sentinels.map(endpointOf),
    password,
    sentinelPassword,
    sentinelCommandTimeout: timeoutMs,
    sentinelRetryStrategy: (times) => Math.min(times * 50, 500),
  };
}

async function firstAnswer(clock: Clock, isThere: () => boolean): Promise<void> {
  const endsAtMs = clock.monotonicMs() + firstAnswerMsMax;
  while (!isThere() && clock.monotonicMs() < endsAtMs) await sleep(20);
}

/** Real Redis and Memcached for the bench of the cache. */
import { createConnection } from 'node:net';
import type { Breakers } from '@gala/lib/breaker';
import type { ValueStore } from '@gala/lib/cache';
import { systemClock } from '@gala/lib/clock';
import { collectionsSection, openCollections, type Collections } from '@gala/lib/collections';
import { createLogger, type Logger } from '@gala/lib/logger';
import { openPeers } from '@gala/lib/memcached';
import { createMetrics, type Metrics } from '@gala/lib/metrics';
import { findEngine } from '../cli/tasks/engines.ts';
import { freePort, startChild, untilListening, type Child } from './process.ts';

const nodeCount = 4;
/** A busy machine is to make reads slow and not nodes leave, which is what the tests of faults are about. */
const limits = { requestMsMax: 1000 };

export interface Levels extends AsyncDisposable {
  quiet(): { readonly logger: Logger; readonly metrics: Metrics };
  /** Closed with the levels. */
  openCollections(): Promise<Collections>;
  openPeers(breakers: Breakers): Promise<ValueStore>;
  /** Reads that each node of Memcached has answered so far. */
  nodeReads(): Promise<number[]>;
  /** Requests to Memcached that had no answer in time, or failed, and times that a node was left alone for it. */
  nodeFailures(): Promise<number>;
}

export async function startLevels(): Promise<Levels> {
  await using stack = new AsyncDisposableStack();
  const start = async (program: 'redis-server' | 'memcached', args: readonly string[]): Promise<Child> => {
    const path = findEngine(program);
    if (path === undefined) throw new Error(`${program} is not installed`);
    const child = startChild(path, args, { core: '0,1' });
    stack.defer(() => child.stop());
    return child;
  };
  const ports = [];
  for (let index = 0; index <= nodeCount; index++) ports.push(await freePort());
  const [redisPort, ...nodePorts] = ports;
  await start('redis-server', ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '']);
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  for (const port of nodePorts) {
    await start('memcached', ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-t', '1', ...user]);
  }
  for (const port of ports) await untilListening(port, 10_000);
  const owned = stack.move();
  const peerMetrics: Metrics[] = [];
  const quiet = () => ({
    logger: createLogger({ name: 'bench', level: 'silent' }),
    metrics: createMetrics('bench'),
  });
  return {
    quiet,
    openCollections: async () => {
      const given = { engine: 'redis', address: `127.0.0.1:${redisPort}`, writesPerSecondMax: 1_000_000 };
      const config = collectionsSection.schema.parse(given);
      return owned.use(await openCollections({ config, clock: systemClock, ...quiet() }));
    },
    openPeers: async (breakers) => {
      const clusters = [{ name: 'a', nodes: nodePorts.map((port) => `127.0.0.1:${port}`) }];
      const { logger, metrics } = quiet();
      peerMetrics.push(metrics);
      return owned.use(await openPeers({ clusters, clock: systemClock, breakers, logger, metrics, limits }));
    },
    nodeFailures: async () => (await Promise.all(peerMetrics.map(failuresOf))).reduce((sum, n) => sum + n, 0),
    nodeReads: () => Promise.all(nodePorts.map(readsOf)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function failuresOf(metrics: Metrics): Promise<number> {
  const lines = (await metrics.text()).matchAll(
    /^gala_cache_peer_(?:timeouts|failures|ejections)_total\{.*\} (\d+)$/gm,
  );
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function readsOf(port: number): Promise<number> {
  const socket = createConnection(port, '127.0.0.1');
  socket.write('stats\r\n');
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('END\r\n')) break;
  }
  socket.destroy();
  return Number(/STAT cmd_get (\d+)/.exec(answer)?.[1] ?? 0);
}

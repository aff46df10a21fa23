import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GalaCommand } from './command.ts';
import { DataFolder } from './data-folder.ts';
import { EtcdCluster } from './engines/etcd.ts';
import { startKafka, type KafkaCluster } from './engines/kafka.ts';
import { startMemcacheds, type Memcached } from './engines/memcached.ts';
import { SentinelGroup } from './engines/sentinel.ts';
import { freePort } from './gala.ts';
import { waitFor } from './wait.ts';

const sample = join(import.meta.dirname, '..', '..', 'deploy/fleet.yaml');
const masters = ['shard-1', 'shard-2'];

/**
 * Every engine that `deploy/fleet.yaml` names, started for one test, and that file with their addresses in the place
 * of the host names: what the sample says is what runs.
 */
export class Fleet implements AsyncDisposable {
  readonly folder: DataFolder;
  readonly etcd: EtcdCluster;
  readonly redis: SentinelGroup;
  readonly memcacheds: readonly Memcached[];
  /** One broker, which stands for the three of the sample. */
  readonly kafka: KafkaCluster;
  /** `gala twemproxy`, with the two proxies of its host. */
  readonly proxies: GalaCommand;
  /** For `GALA_CONFIG`. */
  readonly configPath: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Omit<Fleet, 'env' | typeof Symbol.asyncDispose>, stack: AsyncDisposableStack) {
    this.folder = parts.folder;
    this.etcd = parts.etcd;
    this.redis = parts.redis;
    this.memcacheds = parts.memcacheds;
    this.kafka = parts.kafka;
    this.proxies = parts.proxies;
    this.configPath = parts.configPath;
    this.#stack = stack;
  }

  static async start(): Promise<Fleet> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await DataFolder.make());
    const [etcd, redis, memcacheds, kafka] = await Promise.all([
      EtcdCluster.start({ members: 3 }).then((cluster) => stack.use(cluster)),
      SentinelGroup.start({ masters }).then((group) => stack.use(group)),
      startMemcacheds(4).then((nodes) => nodes.map((node) => stack.use(node))),
      startKafka().then((cluster) => stack.use(cluster)),
    ]);
    const listen = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
    const configPath = join(folder.path, 'fleet.yaml');
    const config = await sampleWith({
      etcd: etcd.endpoints.map((url) => new URL(url).host),
      sentinel: redis.addresses,
      proxy: listen,
      memcached: memcacheds.map(({ address }) => address),
      kafka: Array<string>(3).fill(kafka.addresses[0]),
    });
    await writeFile(configPath, config);
    const env = { GALA_CONFIG: configPath, GALA_DATA: folder.path, GALA_TWEMPROXY_LISTEN: listen.join() };
    const proxies = stack.use(new GalaCommand({ args: ['twemproxy'], env }));
    await waitFor(() => proxies.isReady, { timeoutMs: 60_000, what: 'the proxies' });
    return new Fleet({ folder, etcd, redis, memcacheds, kafka, proxies, configPath }, stack.move());
  }

  /** Of every process of the fleet. */
  get env(): NodeJS.ProcessEnv {
    return { GALA_CONFIG: this.configPath, GALA_CACHE_ZONE: 'west', GALA_EVENTLOG_REPLICATION: '1' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** `etcd-2:2379` in the sample is the second address of `etcd`, and so on; none may be left over. */
async function sampleWith(addresses: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const text = await readFile(sample, 'utf8');
  return text.replaceAll(/\b([a-z]+)-(\d+):\d+/g, (place, kind: string, ordinal: string) => {
    const address = addresses[kind]?.[Number(ordinal) - 1];
    if (address === undefined) throw new Error(`no engine for ${place} of the sample`);
    return address;
  });
}

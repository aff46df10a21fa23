import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { waitFor } from '../wait.ts';
import { EngineProcess } from './engine-process.ts';
import { RedisServer } from './redis.ts';
import { askRedis, type RespReply } from './resp.ts';

export interface SentinelOptions {
  /** Names of masters. */
  readonly masters: readonly string[];
  /** Of each master; one unless told. */
  readonly replicas?: number;
  readonly password?: string;
  /** How long a master is silent before it is thought dead. */
  readonly downAfterMs?: number;
}

/** Three sentinels that watch masters with replicas. */
export class SentinelGroup implements AsyncDisposable {
  readonly sentinels: readonly EngineProcess[];
  /** `host:port` of each sentinel. */
  readonly addresses: readonly string[];
  readonly #servers: ReadonlyMap<string, readonly RedisServer[]>;
  readonly #folder: string;

  private constructor(
    sentinels: readonly EngineProcess[],
    servers: ReadonlyMap<string, readonly RedisServer[]>,
    folder: string,
  ) {
    this.sentinels = sentinels;
    this.addresses = sentinels.map(({ port }) => `127.0.0.1:${port}`);
    this.#servers = servers;
    this.#folder = folder;
  }

  /** Resolves when each sentinel knows the others and the replicas: before, none would fail over. */
  static async start(options: SentinelOptions): Promise<SentinelGroup> {
    const folder = await mkdtemp(join(tmpdir(), 'gala-sentinel-'));
    const servers = new Map<string, readonly RedisServer[]>();
    const sentinels: EngineProcess[] = [];
    const group = new SentinelGroup(sentinels, servers, folder);
    try {
      await settled(options.masters.map((name) => startServers(name, options, servers)));
      const startSentinel = async () => void sentinels.push(await group.#startSentinel(options));
      await settled(Array.from({ length: 3 }, startSentinel));
    } catch (error) {
      await group[Symbol.asyncDispose]();
      throw error;
    }
    const ready = new SentinelGroup(sentinels, servers, folder);
    await ready.#isComplete(options);
    return ready;
  }

  /** The server that the sentinels name as the master now. */
  async masterOf(name: string): Promise<RedisServer> {
    const [, port] = (await this.#ask(0, 'get-master-addr-by-name', name)) as [string, string];
    const found = this.serversOf(name).find((server) => server.port === Number(port));
    if (!found) throw new Error(`no server of ${name} on ${port}`);
    return found;
  }

  serversOf(name: string): readonly RedisServer[] {
    return this.#servers.get(name) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const servers = [...this.#servers.values()].flat();
    await Promise.all(
      [...this.sentinels, ...servers].map((each) => (each.resume(), each[Symbol.asyncDispose]())),
    );
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #startSentinel({ password, downAfterMs = 1000 }: SentinelOptions): Promise<EngineProcess> {
    const port = await freePort();
    const lines = [...this.#servers].flatMap(([name, [master]]) => [
      `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} 2000`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
    ]);
    const path = join(this.#folder, `sentinel-${port}.conf`);
    await writeFile(path, `port ${port}\nbind 127.0.0.1\ndir ${this.#folder}\n${lines.join('\n')}\n`);
    const sentinel = new EngineProcess({
      program: enginePath('redis-sentinel'),
      args: [path],
      cwd: this.#folder,
      port,
    });
    await sentinel.start();
    return sentinel;
  }

  async #isComplete({ masters }: SentinelOptions): Promise<void> {
    for (const [index, name] of this.addresses
      .keys()
      .flatMap((each) => masters.map((name) => [each, name] as const))) {
      await waitFor(
        async () => {
          const sentinels = (await this.#ask(index, 'sentinels', name)) as unknown[];
          return sentinels.length === 2 && (await this.#hasReplica(index, name));
        },
        { what: `sentinel ${index} to know all of ${name}`, timeoutMs: 30_000 },
      );
    }
  }

  async #hasReplica(index: number, name: string): Promise<boolean> {
    const replicas = (await this.#ask(index, 'replicas', name)) as string[][];
    return replicas.some((fields) => fields.includes('slave') && fields.includes('ok'));
  }

  #ask(index: number, ...words: readonly string[]): Promise<RespReply> {
    return askRedis(this.sentinels[index].port, ['SENTINEL', ...words]);
  }
}

/** All at once; rejects when none is at work any more, so that whoever ends the rest knows of all that started. */
async function settled(works: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

/** A master and its replicas, which are in step: sentinels look for new ones every ten seconds only. */
async function startServers(
  name: string,
  { password, replicas = 1 }: SentinelOptions,
  servers: Map<string, readonly RedisServer[]>,
): Promise<void> {
  const master = await RedisServer.start({ password });
  servers.set(name, [master]);
  const startReplica = async (): Promise<void> => {
    const replica = await RedisServer.start({ password, replicaOf: master.port });
    servers.set(name, [...servers.get(name)!, replica]);
  };
  await settled(Array.from({ length: replicas }, startReplica));
  const isInStep = async (): Promise<boolean> =>
    String(await master.ask('INFO', 'replication')).split('state=online').length > replicas;
  await waitFor(isInStep, { what: `the replicas of ${name}` });
}

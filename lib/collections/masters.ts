import { Redis } from 'ioredis';
import type { Shard } from './twemproxy-config.ts';

export interface SentinelAddress {
  readonly host: string;
  readonly port: number;
  readonly password?: string;
  /** Of the connection and of the answer, each. */
  readonly timeoutMs: number;
}

export interface MastersOptions {
  readonly sentinels: readonly SentinelAddress[];
  /** In this order they become shards. */
  readonly names: readonly string[];
  readonly pollEveryMs?: number;
  /** After each answer, changed or not. */
  readonly onMasters: (shards: readonly Shard[]) => void;
  /** No sentinel answered, or none knows all names; said each time. */
  readonly onSilence: (reason: string) => void;
}

/** What a sentinel publishes when it knows another master, whether it led the fail-over or heard of it. */
const events = ['+switch-master', '+failover-state-reconf-slaves', '+config-update-from'];

interface Sighting {
  readonly shard: Shard;
  /** Of the fail-over that made it the master: the highest is the newest. */
  readonly epoch: number;
}

/**
 * Where the masters are now, as the sentinels say: asked at once when one of them tells of a switch, and each second in
 * case that message was lost. Of different answers that of the newest fail-over counts: a sentinel that was cut off
 * still names the master before.
 */
export class Masters implements AsyncDisposable {
  readonly #options: MastersOptions;
  readonly #asked: readonly Redis[];
  readonly #told: readonly Redis[];
  readonly #timer: NodeJS.Timeout;
  #asking: Promise<void> | undefined;
  #isDueAgain = false;

  constructor(options: MastersOptions) {
    this.#options = options;
    this.#asked = options.sentinels.map(openSentinel);
    this.#told = options.sentinels.map(openSentinel);
    for (const redis of this.#told) {
      redis.on('ready', () => void redis.subscribe(...events).catch(() => redis.disconnect(true)));
      redis.on('message', () => this.#ask());
    }
    this.#timer = setInterval(() => this.#ask(), options.pollEveryMs ?? 1000);
    for (const redis of this.#asked) redis.once('ready', () => this.#ask());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const redis of [...this.#asked, ...this.#told]) redis.disconnect();
    await this.#asking;
  }

  /** One at a time; what comes meanwhile is asked once more after it. */
  #ask(): void {
    if (this.#asking) {
      this.#isDueAgain = true;
      return;
    }
    this.#asking = this.#askAll().finally(() => {
      this.#asking = undefined;
      if (!this.#isDueAgain) return;
      this.#isDueAgain = false;
      this.#ask();
    });
  }

  async #askAll(): Promise<void> {
    const { names, onMasters, onSilence } = this.#options;
    const newest = new Map<string, Sighting>();
    const asked = this.#asked.flatMap((redis) => names.map((name) => askFor(redis, name)));
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status !== 'fulfilled' || !answer.value) continue;
      const { shard, epoch } = answer.value;
      if (epoch >= (newest.get(shard.name)?.epoch ?? -1)) newest.set(shard.name, answer.value);
    }
    const missing = names.filter((name) => !newest.has(name));
    if (missing.length > 0) onSilence(`no sentinel names ${missing.join(', ')}`);
    else onMasters(names.map((name) => newest.get(name)!.shard));
  }
}

/** Undefined when this sentinel does not know the master. */
async function askFor(redis: Redis, name: string): Promise<Sighting | undefined> {
  // The list of masters has the old address until all replicas follow, which a dead one never does.
  const [address, fields] = (await Promise.all([
    redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
    redis.call('SENTINEL', 'MASTER', name),
  ])) as [readonly [string, string] | null, readonly string[]];
  if (!address) return undefined;
  const [host, port] = address;
  const epoch = Number(fields[fields.indexOf('config-epoch') + 1]);
  return { shard: { name, host, port: Number(port) }, epoch };
}

function openSentinel({ host, port, password, timeoutMs }: SentinelAddress): Redis {
  const redis = new Redis({
    host,
    port,
    password,
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: 50,
    retryStrategy: (times) => Math.min(times * 100, 1000),
  });
  redis.on('error', () => undefined);
  return redis;
}

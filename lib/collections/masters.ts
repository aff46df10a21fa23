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
      redis.on('ready', () => void redis.subscribe('+switch-master').catch(() => redis.disconnect(true)));
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
    const answers = await Promise.allSettled(this.#asked.map((redis) => redis.call('SENTINEL', 'MASTERS')));
    for (const answer of answers) if (answer.status === 'fulfilled') collect(answer.value, newest);
    const missing = names.filter((name) => !newest.has(name));
    if (missing.length > 0) onSilence(`no sentinel names ${missing.join(', ')}`);
    else onMasters(names.map((name) => newest.get(name)!.shard));
  }
}

function collect(answer: unknown, newest: Map<string, Sighting>): void {
  for (const fields of answer as readonly (readonly string[])[]) {
    const { name, ip: host, port, 'config-epoch': epoch } = recordOf(fields);
    const sighting = { shard: { name, host, port: Number(port) }, epoch: Number(epoch) };
    if (sighting.epoch >= (newest.get(name)?.epoch ?? -1)) newest.set(name, sighting);
  }
}

function recordOf(fields: readonly string[]): Record<string, string> {
  const pairs = Array.from({ length: fields.length / 2 }, (_, index) =>
    fields.slice(index * 2, index * 2 + 2),
  );
  return Object.fromEntries(pairs) as Record<string, string>;
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

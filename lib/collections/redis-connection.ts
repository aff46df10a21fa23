import { isIP, type Socket } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import type { Argument, Reply } from './engine.ts';
import { collectionsErrors } from './errors.ts';
import { isReplyError, unavailableError } from './redis-errors.ts';
import type { Telemetry } from './telemetry.ts';

export interface ConnectionOptions {
  /** As logs name it: `127.0.0.1:6379`, or the name of a master. */
  readonly address: string;
  /** Where, and with which secrets. */
  readonly redis: RedisOptions;
  /** Of one command; it fails then, whatever becomes of it. */
  readonly timeoutMs: number;
  /** Commands under way; one more is COLLECTIONS_BUSY. */
  readonly inFlightMax: number;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** How often it is asked whether it lives, and how often while there is doubt. */
const pingEveryMs = 1000;
const doubtPingEveryMs = 100;
/** In doubt for this long it is connected anew. */
const doubtMsMax = 2000;
const reconnectMs = { step: 50, max: 250 };

/**
 * One connection that knows whether it may be used. Nothing waits for a connection: a command that cannot be sent
 * fails at once, and none is sent twice. After a command that got no answer in time nothing is sent but pings,
 * until one is answered: what hangs costs one time limit, not one for each command.
 */
export class RedisConnection implements AsyncDisposable {
  readonly address: string;
  readonly #options: ConnectionOptions;
  readonly #redis: Redis;
  readonly #pinger: NodeJS.Timeout;
  #inFlight = 0;
  #doubtSinceMs: number | undefined;
  #pingedAtMs = 0;
  #wasUp = false;
  #connects = 0;
  #lastError = 'no connection';

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.address = options.address;
    this.#redis = openRedis(options);
    this.#redis.on('error', (error: Error) => (this.#lastError = error.message || error.name));
    this.#redis.on('ready', () => this.#onReady());
    this.#redis.on('close', () => this.#onChange());
    this.#pinger = setInterval(() => this.#tick(), doubtPingEveryMs);
    this.#pinger.unref();
  }

  get isUp(): boolean {
    return this.#redis.status === 'ready' && this.#doubtSinceMs === undefined;
  }

  /** Says what keeps it from being used; nothing when it is. */
  reportTrouble(): void {
    if (!this.isUp) this.#options.telemetry.lost(this.address, this.#lastError);
  }

  /**
   * Errors: COLLECTIONS_UNAVAILABLE when it was not sent, COLLECTIONS_BUSY; those of ioredis when it was: a
   * `ReplyError` is an answer.
   */
  async send(command: string, args: readonly Argument[]): Promise<Reply> {
    if (!this.isUp) throw unavailableError(`${this.address}: ${this.#lastError}`);
    if (this.#inFlight >= this.#options.inFlightMax)
      throw new CodedError(collectionsErrors, 'COLLECTIONS_BUSY', { detail: this.address });
    this.#inFlight++;
    try {
      const sent = this.#redis.callBuffer(command, args as (string | Buffer | number)[]);
      return (await this.#within(sent)) as Reply;
    } catch (error) {
      if (isLate(error)) this.#doubt(error.message);
      throw error;
    } finally {
      this.#inFlight--;
    }
  }

  /** The master is there: a server that is another is left for it at once. */
  leaveUnlessAt(host: string, port: number): void {
    leaveUnlessAt(this.#redis, host, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pinger);
    closeRedis(this.#redis);
  }

  #onReady(): void {
    if (this.#connects++ > 0) this.#options.telemetry.counters.reconnects++;
    this.#doubtSinceMs = undefined;
    this.#lastError = 'the connection was lost';
    this.#onChange();
  }

  #onChange(): void {
    const { telemetry } = this.#options;
    if (this.isUp === this.#wasUp) return;
    this.#wasUp = this.isUp;
    if (this.isUp) return telemetry.connected(this.address);
    telemetry.counters.ejections++;
    telemetry.lost(this.address, this.#lastError);
  }

  #doubt(reason: string): void {
    this.#lastError = reason;
    this.#doubtSinceMs ??= this.#options.clock.monotonicMs();
    this.#onChange();
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#redis.status !== 'ready') return;
    if (this.#doubtSinceMs !== undefined && nowMs - this.#doubtSinceMs > doubtMsMax) {
      this.#doubtSinceMs = nowMs;
      this.#redis.disconnect(true);
    } else if (this.#doubtSinceMs !== undefined || nowMs - this.#pingedAtMs >= pingEveryMs) {
      this.#pingedAtMs = nowMs;
      void this.#ping();
    }
  }

  /** When the time is over the answer may wait in the socket, for a process that was busy itself: one more look. */
  #within(sent: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(lateMessage));
      const timer = setTimeout(() => setImmediate(late), this.#options.timeoutMs);
      sent.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async #ping(): Promise<void> {
    try {
      await this.#within(this.#redis.ping());
      this.#doubtSinceMs = undefined;
      this.#onChange();
    } catch (error) {
      if (isReplyError(error) || isLate(error)) this.#doubt(error.message);
    }
  }
}

/** The options without which ioredis keeps, repeats or waits for what nobody wants any more. */
export function openRedis({ redis, timeoutMs }: Pick<ConnectionOptions, 'redis' | 'timeoutMs'>): Redis {
  const client = new Redis({
    protocol: 2,
    disableClientInfo: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // For what ioredis itself asks of a new connection; ours have the hard limit of `#within`.
    commandTimeout: timeoutMs * 4,
    connectTimeout: Math.max(1000, timeoutMs),
    disconnectTimeout: 50,
    keepAlive: 5000,
    retryStrategy: (times) =>
      Math.min(times * reconnectMs.step, reconnectMs.max) * (0.75 + Math.random() / 2),
    // A master that was demoted answers this until the connection goes to its successor.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...redis,
  });
  // A close that comes while it still asks the sentinels for the address ends ioredis for good; it must never end.
  client.on('end', () => {
    setTimeout(() => {
      if (client.status === 'end' && client.listenerCount('end') > 0) client.connect().catch(() => undefined);
    }, reconnectMs.max).unref();
  });
  return client;
}

/**
 * Ends a connection that leads elsewhere; the next one asks the sentinels. One that hangs, or was demoted and still
 * answers, would not end by itself.
 */
export function leaveUnlessAt(redis: Redis, host: string, port: number): void {
  if (redis.status !== 'ready') return;
  const { remoteAddress, remotePort } = (redis as unknown as { readonly stream: Socket }).stream;
  const isThere =
    remotePort === port && (remoteAddress?.replace(/^::ffff:/, '') === host || isIP(host) === 0);
  if (!isThere) redis.disconnect(true);
}

/** Ends it for good. */
export function closeRedis(client: Redis): void {
  client.removeAllListeners('end');
  client.removeAllListeners('close');
  client.disconnect();
}

const lateMessage = 'no answer in time';

function isLate(error: unknown): error is Error {
  return error instanceof Error && error.message === lateMessage;
}

import { randomBytes } from 'node:crypto';
import type { Redis, RedisOptions } from 'ioredis';
import type { Clock } from '../clock/index.ts';
import type { Bus, BusListener, Subscription } from './bus-types.ts';
import { assertMessage, BusListeners } from './memory-bus.ts';
import { closeRedis, leaveUnlessAt, openRedis, type RedisConnection } from './redis-connection.ts';
import { toCollectionsError } from './redis-errors.ts';
import type { Telemetry } from './telemetry.ts';

export interface RedisBusOptions {
  /** A direct one, never a proxy; its owner disposes of it. */
  readonly publisher: RedisConnection;
  readonly redis: RedisOptions;
  readonly timeoutMs: number;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Each process hears its own heart on the way that messages take; without it for `silenceMsMax` there is a gap. */
const beatEveryMs = 250;
const silenceMsMax = 1000;

/**
 * Pub/sub of Redis on a connection of its own. Redis keeps nothing for a subscriber that is away, so the epoch changes
 * when the connection is lost, or the own heart-beat stays away, as it does when a cut is not told; and once more with
 * the first beat after it, which announces the gap: all channels are subscribed again by then.
 */
export class RedisBus implements Bus, AsyncDisposable {
  readonly #options: RedisBusOptions;
  readonly #listeners: BusListeners;
  readonly #subscriber: Redis;
  readonly #heart = `gala:bus:${randomBytes(8).toString('hex')}`;
  readonly #timer: NodeJS.Timeout;
  #epoch = 1;
  #isFlowing = false;
  #heardAtMs: number;

  constructor(options: RedisBusOptions) {
    this.#options = options;
    this.#listeners = new BusListeners(options.telemetry);
    this.#heardAtMs = options.clock.monotonicMs();
    this.#subscriber = openRedis({ redis: options.redis, timeoutMs: options.timeoutMs });
    this.#subscriber.on('error', () => undefined);
    this.#subscriber.on('ready', () => void this.#subscribeAll());
    this.#subscriber.on('close', () => this.#lose('the connection was lost'));
    this.#subscriber.on('messageBuffer', (channel: Buffer, message: Buffer) =>
      this.#onMessage(channel.toString(), message),
    );
    this.#timer = setInterval(() => this.#tick(), beatEveryMs);
    this.#timer.unref();
  }

  get isFlowing(): boolean {
    return this.#isFlowing;
  }

  leaveUnlessAt(host: string, port: number): void {
    leaveUnlessAt(this.#subscriber, host, port);
  }

  async publish(channel: string, message: Uint8Array): Promise<void> {
    const { publisher, telemetry } = this.#options;
    assertMessage(channel, message);
    try {
      await publisher.send('PUBLISH', [channel, message]);
      telemetry.counters.busPublished++;
    } catch (error) {
      telemetry.counters.busPublishFailures++;
      throw toCollectionsError(error, 'PUBLISH', false);
    }
  }

  async subscribe(channel: string, listener: BusListener): Promise<Subscription> {
    const isFirst = this.#listeners.add(channel, listener);
    // While it is away the channel is subscribed with all others once it is back.
    if (isFirst && this.#subscriber.status === 'ready') {
      await this.#subscriber.subscribe(channel).catch(() => this.#reconnect('a channel was not subscribed'));
    }
    const epochNow = (): number => this.#epoch;
    const isFlowingNow = (): boolean => this.#isFlowing;
    return {
      get epoch() {
        return epochNow();
      },
      get isFlowing() {
        return isFlowingNow();
      },
      [Symbol.asyncDispose]: () => this.#leave(channel, listener),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    closeRedis(this.#subscriber);
  }

  async #leave(channel: string, listener: BusListener): Promise<void> {
    const isLast = this.#listeners.remove(channel, listener);
    if (isLast && this.#subscriber.status === 'ready')
      await this.#subscriber.unsubscribe(channel).catch(() => undefined);
  }

  async #subscribeAll(): Promise<void> {
    try {
      // One command: with the beat, all channels are there.
      await this.#subscriber.subscribe(this.#heart, ...this.#listeners.channels());
      this.#heardAtMs = this.#options.clock.monotonicMs();
      this.#beat();
    } catch {
      this.#reconnect('the channels were not subscribed');
    }
  }

  #onMessage(channel: string, message: Buffer): void {
    if (channel !== this.#heart) return this.#listeners.deliver(channel, message);
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (this.#isFlowing) return;
    this.#isFlowing = true;
    // What was learned while messages were missed is no better than what was learned before.
    this.#epoch++;
    this.#options.telemetry.flowing(this.#epoch);
    this.#listeners.announceGap(this.#epoch);
  }

  #tick(): void {
    this.#beat();
    // After a pause of our own the beat may wait in the socket: it is read first.
    setImmediate(() => this.#checkSilence());
  }

  #checkSilence(): void {
    const silentMs = this.#options.clock.monotonicMs() - this.#heardAtMs;
    if (this.#subscriber.status !== 'ready' || silentMs < silenceMsMax) return;
    this.#reconnect('the own heart-beat stayed away');
  }

  #beat(): void {
    const { publisher } = this.#options;
    if (publisher.isUp && this.#subscriber.status === 'ready')
      publisher.send('PUBLISH', [this.#heart, '']).catch(() => undefined);
  }

  #reconnect(reason: string): void {
    this.#lose(reason);
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (this.#subscriber.status === 'ready') this.#subscriber.disconnect(true);
  }

  /** From here until the next beat messages may be missed. */
  #lose(reason: string): void {
    if (!this.#isFlowing) return;
    this.#isFlowing = false;
    this.#epoch++;
    this.#options.telemetry.gap(this.#epoch, reason);
  }
}

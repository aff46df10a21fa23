import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { endpointOf, Masters, twemproxyConfig, type Shard } from '@gala/lib/collections';
import { Backoff } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import { ProxyProcess } from './proxy-process.ts';

export interface TwemproxyAgentOptions {
  /** Of nutcracker. */
  readonly program: string;
  /** `host:port` of each proxy of this host. */
  readonly listen: readonly string[];
  /** For what the proxies are configured with; made if it is not there. */
  readonly folder: string;
  /** `host:port` each. */
  readonly sentinels: readonly string[];
  /** Names of masters, each a shard, in the same order on all hosts. */
  readonly masters: readonly string[];
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** After which a proxy gives up a shard that is silent. */
  readonly shardTimeoutMs: number;
  readonly logger: Logger;
}

const watchEveryMs = 500;
const sentinelTimeoutMs = 1000;
/** Between two restarts clients get the time to connect again: they try after at most 63 ms. */
const settleMs = 250;
/** Between two starts of one that does not start. */
const restartMs = { initialMs: 500, maxMs: 15_000 };
/** Looks in a row in which a proxy that runs did not answer. */
const silentLooksMax = 3;

/**
 * Follows the sentinels for the proxies of one host, since Twemproxy does not: writes each proxy's configuration from
 * the present masters and restarts those that have another one, one at a time, each only after the last answers again.
 * While no sentinel answers everything stays as it is. Proxies that end or hang are started again.
 */
export class TwemproxyAgent implements AsyncDisposable {
  readonly #options: TwemproxyAgentOptions;
  readonly #proxies: readonly ProxyProcess[];
  readonly #troubles = new Map<ProxyProcess, { readonly backoff: Backoff; readonly untilMs: number }>();
  readonly #silentLooks = new Map<ProxyProcess, number>();
  readonly #ready = Promise.withResolvers<void>();
  #masters: Masters | undefined;
  #timer: NodeJS.Timeout | undefined;
  #shards: readonly Shard[] | undefined;
  #working: Promise<void> | undefined;
  #isDueAgain = false;
  #isClosed = false;
  #isSilent = false;

  private constructor(options: TwemproxyAgentOptions) {
    this.#options = options;
    const { program, folder } = options;
    this.#proxies = options.listen.map((at) => new ProxyProcess({ program, folder, ...endpointOf(at) }));
  }

  /** Takes over what runs, and begins to follow; `ready` tells when all proxies answer. */
  static async start(options: TwemproxyAgentOptions): Promise<TwemproxyAgent> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const agent = new TwemproxyAgent(options);
    await Promise.all(agent.#proxies.map((proxy) => proxy.adopt()));
    agent.#begin();
    return agent;
  }

  /** Resolves when all proxies answered for the first time. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Of the proxies that run. */
  get pids(): readonly (number | undefined)[] {
    return this.#proxies.map(({ pid }) => pid);
  }

  /** Ends the proxies with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.abandon();
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
  }

  /** Leaves the proxies running, as a killed agent does. */
  async abandon(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#masters?.[Symbol.asyncDispose]();
    await this.#working;
  }

  #begin(): void {
    const { sentinels, masters, sentinelPassword: password } = this.#options;
    this.#masters = new Masters({
      sentinels: sentinels.map((at) => ({ ...endpointOf(at), password, timeoutMs: sentinelTimeoutMs })),
      names: masters,
      onMasters: (shards) => this.#onMasters(shards),
      onSilence: (reason) => this.#onSilence(reason),
    });
    this.#timer = setInterval(() => this.#work(), watchEveryMs);
  }

  #onMasters(shards: readonly Shard[]): void {
    this.#isSilent = false;
    if (JSON.stringify(shards) === JSON.stringify(this.#shards)) return;
    this.#shards = shards;
    this.#options.logger.info({ shards }, 'masters of the shards');
    this.#work();
  }

  #onSilence(reason: string): void {
    if (!this.#isSilent)
      this.#options.logger.warn({ reason }, 'sentinels do not answer, proxies stay as they are');
    this.#isSilent = true;
  }

  /** One round at a time; a change that comes meanwhile makes one more. */
  #work(): void {
    if (this.#isClosed) return;
    if (this.#working) {
      this.#isDueAgain = true;
      return;
    }
    this.#working = this.#round()
      .catch((error: unknown) => this.#options.logger.error({ error }, 'a round over the proxies failed'))
      .finally(() => {
        this.#working = undefined;
        if (!this.#isDueAgain) return;
        this.#isDueAgain = false;
        this.#work();
      });
  }

  async #round(): Promise<void> {
    for (const proxy of this.#proxies) if (!this.#isClosed) await this.#keepAlive(proxy);
    for (const proxy of this.#proxies) {
      if (this.#isClosed) return;
      const config = this.#configOf(proxy);
      if (config === undefined || config === proxy.config) continue;
      // The round ends at the first that does not come back: the others go on with what they have.
      if (!(await this.#turn(proxy, config))) return;
    }
    if (this.#shards && (await Promise.all(this.#proxies.map((proxy) => proxy.answers()))).every(Boolean))
      this.#ready.resolve();
  }

  /** Starts again what has ended, or is there and silent. */
  async #keepAlive(proxy: ProxyProcess): Promise<void> {
    const { logger } = this.#options;
    if (proxy.config === undefined) return;
    if (proxy.isAlive && (await proxy.answers())) {
      this.#silentLooks.delete(proxy);
      this.#troubles.delete(proxy);
      return;
    }
    const looks = (this.#silentLooks.get(proxy) ?? 0) + 1;
    this.#silentLooks.set(proxy, looks);
    if (proxy.isAlive && looks < silentLooksMax) return;
    if (performance.now() < (this.#troubles.get(proxy)?.untilMs ?? 0)) return;
    logger.warn({ proxy: proxy.name, isAlive: proxy.isAlive }, 'a proxy ended or hangs, starting it again');
    this.#silentLooks.delete(proxy);
    const config = this.#configOf(proxy);
    if (config !== undefined && config !== proxy.config) await proxy.configure(config);
    // What hangs would not hear anything milder.
    if (!(await proxy.restart('SIGKILL'))) this.#wait(proxy);
  }

  /** What does not start is tried ever more rarely. */
  #wait(proxy: ProxyProcess): void {
    const { backoff } = this.#troubles.get(proxy) ?? { backoff: new Backoff(restartMs) };
    const delayMs = Math.round(backoff.nextMs());
    this.#troubles.set(proxy, { backoff, untilMs: performance.now() + delayMs });
    this.#options.logger.error({ proxy: proxy.name, delayMs }, 'a proxy does not start');
  }

  /** Restarts one with a new configuration, while another answers. */
  async #turn(proxy: ProxyProcess, config: string): Promise<boolean> {
    const { logger } = this.#options;
    const others = this.#proxies.filter((other) => other !== proxy);
    const wasAlive = proxy.isAlive;
    if (wasAlive && others.length > 0 && !(await this.#oneAnswers(others))) return false;
    await proxy.configure(config);
    if (!(await proxy.restart())) {
      this.#wait(proxy);
      return false;
    }
    logger.info({ proxy: proxy.name, proxyPid: proxy.pid }, 'a proxy runs with the present masters');
    if (wasAlive) await sleep(settleMs);
    return true;
  }

  async #oneAnswers(proxies: readonly ProxyProcess[]): Promise<boolean> {
    const answers = await Promise.all(proxies.map((proxy) => proxy.answers()));
    return answers.some(Boolean);
  }

  #configOf({ name }: ProxyProcess): string | undefined {
    const { password, shardTimeoutMs: timeoutMs } = this.#options;
    return this.#shards && twemproxyConfig({ listen: name, shards: this.#shards, password, timeoutMs });
  }
}

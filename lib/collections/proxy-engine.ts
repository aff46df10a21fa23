import { CodedError } from '../error/index.ts';
import { traitsOf, type Argument, type CommandName, type Engine, type Reply } from './engine.ts';
import type { RedisConnection } from './redis-connection.ts';
import { isReplyError, toCollectionsError, unavailableError } from './redis-errors.ts';
import { runScript } from './redis-script.ts';
import type { Telemetry } from './telemetry.ts';
import type { Script, ScriptCall } from './types.ts';

/**
 * Shards behind several equal proxies. A key goes through the same proxy as long as that answers, so that what one
 * caller sends of it stays in order; which one differs from process to process. Where a proxy dies, its keys go through
 * the next at once; a command that was under way there is sent again only if it may be done twice.
 */
export class ProxyEngine implements Engine {
  readonly #proxies: readonly RedisConnection[];
  readonly #telemetry: Telemetry;
  readonly #salt = Math.floor(Math.random() * 0x7fffffff);

  constructor(proxies: readonly RedisConnection[], telemetry: Telemetry) {
    this.#proxies = proxies;
    this.#telemetry = telemetry;
    telemetry.gauge(
      'proxies_up',
      'proxies that are used',
      () => this.#proxies.filter(({ isUp }) => isUp).length,
    );
  }

  get isUp(): boolean {
    return this.#proxies.some(({ isUp }) => isUp);
  }

  async run(command: CommandName, args: readonly Argument[]): Promise<Reply> {
    const way = { key: String(args[0]), isRepeatable: traitsOf(command).repeatable };
    try {
      return await this.#send(command, args, way);
    } catch (error) {
      throw toCollectionsError(error, command, false);
    }
  }

  async script(script: Script, call: ScriptCall): Promise<Reply> {
    const way = { key: call.keys[0], isRepeatable: false };
    try {
      return await runScript(script, call, (command, args) => this.#send(command, args, way));
    } catch (error) {
      throw toCollectionsError(error, script.name, true);
    }
  }

  async #send(
    command: string,
    args: readonly Argument[],
    { key, isRepeatable }: { readonly key: string; readonly isRepeatable: boolean },
  ): Promise<Reply> {
    const first = this.#choose(key, undefined);
    try {
      return await first.send(command, args);
    } catch (error) {
      if (!isRepeatable || isReplyError(error) || error instanceof CodedError) throw error;
      this.#telemetry.counters.retries++;
      return this.#choose(key, first).send(command, args);
    }
  }

  /** Errors: COLLECTIONS_UNAVAILABLE when none but `except` answers. */
  #choose(key: string, except: RedisConnection | undefined): RedisConnection {
    const count = this.#proxies.length;
    const begin = (hashOf(key) + this.#salt) % count;
    for (let step = 0; step < count; step++) {
      const proxy = this.#proxies[(begin + step) % count];
      if (proxy.isUp && proxy !== except) return proxy;
    }
    throw unavailableError('no proxy answers');
  }
}

/** FNV-1a: cheap, and spread well enough over a few proxies. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 1;
}

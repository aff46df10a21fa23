import { traitsOf, type Argument, type CommandName, type Engine, type Reply } from './engine.ts';
import type { RedisConnection } from './redis-connection.ts';
import { toCollectionsError } from './redis-errors.ts';
import { runScript } from './redis-script.ts';
import type { Script, ScriptCall } from './types.ts';

/** One Redis, or the present master of a Sentinel group. */
export class RedisEngine implements Engine {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  get isUp(): boolean {
    return this.#connection.isUp;
  }

  async run(command: CommandName, args: readonly Argument[]): Promise<Reply> {
    traitsOf(command);
    try {
      return await this.#connection.send(command, args);
    } catch (error) {
      throw toCollectionsError(error, command, false);
    }
  }

  async script(script: Script, call: ScriptCall): Promise<Reply> {
    try {
      return await runScript(script, call, (command, args) => this.#connection.send(command, args));
    } catch (error) {
      throw toCollectionsError(error, script.name, true);
    }
  }
}

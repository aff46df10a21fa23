import type { Clock } from '../clock/index.ts';
import { CodedError, codeOf } from '../error/index.ts';
import { traitsOf, type Argument, type CommandName, type Engine, type Reply } from './engine.ts';
import { collectionsErrors } from './errors.ts';
import { assertKey } from './limits.ts';
import type { Telemetry } from './telemetry.ts';
import type { Script, ScriptCall } from './types.ts';
import type { WriteLimit } from './write-limit.ts';

export interface GateOptions {
  readonly engine: Engine;
  readonly writeLimit: WriteLimit;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** The one way to the engine: keys are checked, writes limited, everything counted and timed. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** `args` begin with the key. */
  run(command: CommandName, args: readonly [string, ...Argument[]]): Promise<Reply> {
    return this.#measure(() => {
      const [key] = args;
      assertKey(key);
      if (traitsOf(command).writes) this.#take(key);
      return this.#options.engine.run(command, args);
    });
  }

  script(script: Script, call: ScriptCall): Promise<Reply> {
    return this.#measure(() => {
      this.#take(call.keys[0]);
      return this.#options.engine.script(script, call);
    });
  }

  async #measure(work: () => Promise<Reply>): Promise<Reply> {
    const { telemetry, clock } = this.#options;
    const startMs = clock.monotonicMs();
    telemetry.counters.commands++;
    try {
      return await work();
    } catch (error) {
      telemetry.failed(codeOf(error));
      throw error;
    } finally {
      telemetry.seconds.observe((clock.monotonicMs() - startMs) / 1000);
    }
  }

  #take(key: string): void {
    const retryAfterSeconds = this.#options.writeLimit.take(key);
    if (retryAfterSeconds > 0)
      throw new CodedError(collectionsErrors, 'WRITE_LIMITED', { detail: key, retryAfterSeconds });
  }
}

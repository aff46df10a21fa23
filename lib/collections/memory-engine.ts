import type { Clock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import type { Argument, CommandName, Engine, Reply } from './engine.ts';
import { collectionsErrors } from './errors.ts';
import { incrementValue, memoryCommands } from './memory-commands.ts';
import { MemoryStore, type MemoryBounds, type MemoryCounters } from './memory-store.ts';
import type { Script, ScriptCall, ScriptReply, ScriptStore } from './types.ts';

export interface MemoryEngineOptions {
  readonly bounds: MemoryBounds;
  readonly counters: MemoryCounters;
  readonly clock: Clock;
}

/** Everything in this process: the embedded default. Other processes do not see it. */
export class MemoryEngine implements Engine {
  readonly isUp = true;
  readonly store: MemoryStore;
  readonly #scriptStore: ScriptStore;

  constructor({ bounds, counters, clock }: MemoryEngineOptions) {
    this.store = new MemoryStore(bounds, counters, clock);
    this.#scriptStore = scriptStoreOf(this.store);
  }

  async run(command: CommandName, [key, ...rest]: readonly Argument[]): Promise<Reply> {
    return memoryCommands[command](this.store, String(key), rest);
  }

  async script(script: Script, { keys, args }: ScriptCall): Promise<Reply> {
    const given = args.map((argument) => Buffer.from(argument as string));
    try {
      return replyOf(script.run(keys, given, this.#scriptStore));
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      throw new CodedError(collectionsErrors, 'SCRIPT_FAILED', { cause, detail: script.name });
    }
  }
}

function scriptStoreOf(store: MemoryStore): ScriptStore {
  return {
    get: (key) => store.get(key, 'value'),
    set: (key, value, ttlMs) => store.put(key, Buffer.from(value as string), ttlMs),
    increment: (key, by, ttlMs) => {
      const number = incrementValue(store, key, by);
      const entry = store.find(key);
      if (ttlMs !== undefined && entry?.expiresAtMs === Infinity) store.expire(entry, ttlMs);
      return number;
    },
    delete: (key) => void store.delete(key),
  };
}

/** As Redis passes on what Lua returns. */
function replyOf(reply: ScriptReply): Reply {
  if (typeof reply === 'number') return Math.trunc(reply);
  if (typeof reply === 'string') return Buffer.from(reply);
  if (reply === null || Buffer.isBuffer(reply)) return reply;
  return reply.map(replyOf);
}

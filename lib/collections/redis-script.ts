import { createHash } from 'node:crypto';
import type { Argument, Reply } from './engine.ts';
import { isUnknownScript } from './redis-errors.ts';
import type { Script, ScriptCall } from './types.ts';

const digests = new WeakMap<Script, string>();

/** By its digest, and with its text where that is not known: Twemproxy passes EVALSHA and EVAL, not SCRIPT LOAD. */
export async function runScript(
  script: Script,
  { keys, args }: ScriptCall,
  send: (command: 'EVALSHA' | 'EVAL', args: readonly Argument[]) => Promise<Reply>,
): Promise<Reply> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await send('EVALSHA', [digestOf(script), ...rest]);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return send('EVAL', [script.lua, ...rest]);
  }
}

function digestOf(script: Script): string {
  let digest = digests.get(script);
  if (!digest) digests.set(script, (digest = createHash('sha1').update(script.lua).digest('hex')));
  return digest;
}

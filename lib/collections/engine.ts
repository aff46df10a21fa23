import { invariant } from '../error/index.ts';
import type { Script, ScriptCall } from './types.ts';

interface Traits {
  readonly writes: boolean;
  /** Done twice it leaves and answers the same: it may be sent again after a connection was lost. */
  readonly repeatable: boolean;
}

const read: Traits = { writes: false, repeatable: true };
const put: Traits = { writes: true, repeatable: true };
const change: Traits = { writes: true, repeatable: false };

/**
 * All that is ever sent. Twemproxy closes the connection on a command that it does not know, and with it fail all
 * others that are under way there; so nothing goes out that is not listed.
 */
export const commands = {
  GET: read,
  MGET: read,
  SET: put,
  DEL: put,
  INCRBY: change,
  PEXPIRE: put,
  HGET: read,
  HMGET: read,
  HGETALL: read,
  HSET: put,
  HINCRBY: change,
  HDEL: put,
  HLEN: read,
  ZADD: put,
  ZINCRBY: change,
  ZREVRANGE: read,
  ZREVRANK: read,
  ZSCORE: read,
  ZCARD: read,
  ZCOUNT: read,
  ZREM: put,
  ZREMRANGEBYSCORE: change,
  ZREMRANGEBYRANK: change,
  SADD: change,
  SREM: put,
  SISMEMBER: read,
  SMEMBERS: read,
  SCARD: read,
  RPUSH: change,
  LTRIM: put,
  LRANGE: read,
  LLEN: read,
} as const satisfies Record<string, Traits>;

export type CommandName = keyof typeof commands;

/** Types end where a caller casts; what is not listed is a bug and is not sent. */
export function traitsOf(command: CommandName): Traits {
  invariant(Object.hasOwn(commands, command), `${command} is a listed command`);
  return commands[command];
}

export type Argument = string | number | Uint8Array;

export type Reply = number | Buffer | null | readonly Reply[];

/**
 * What an adapter is: it runs listed commands, of which the first argument is the key, and scripts. A write is plain
 * data here, so that whoever wraps an engine may append it to a log.
 */
export interface Engine {
  readonly isUp: boolean;
  /** Errors: COLLECTIONS_UNAVAILABLE, COLLECTIONS_BUSY, KEY_WRONG_KIND. */
  run(command: CommandName, args: readonly Argument[]): Promise<Reply>;
  /** Errors also: SCRIPT_FAILED. */
  script(script: Script, call: ScriptCall): Promise<Reply>;
}

/** A whole number or score, whichever way the engine writes it. */
export function numberOf(reply: Reply): number {
  return typeof reply === 'number' ? reply : Number((reply as Buffer).toString('latin1'));
}

export function bufferOf(reply: Reply): Buffer | undefined {
  return reply === null ? undefined : (reply as Buffer);
}

export function listOf(reply: Reply): readonly Reply[] {
  return reply as readonly Reply[];
}

export function textOf(reply: Reply): string {
  return (reply as Buffer).toString('utf8');
}

import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { PlayKey } from '@gala/protocol/play';
import type { Room } from '@gala/protocol/rest';
import type { Call } from './call.ts';
import type { Parts } from './parts.ts';
import type { PlayOptions } from './play.ts';

/**
 * The key that signs now, for a private room; public rooms play without a signature.
 * @param longerMs how much longer than usual the URLs are good, for what is watched for hours
 */
export async function playGrant(
  parts: Parts,
  { rpc }: Pick<Call, 'rpc'>,
  { room, longerMs = 0 }: { readonly room: Room; readonly longerMs?: number },
): Promise<PlayOptions['grant']> {
  if (room.visibility === 'public') return undefined;
  const key = await signingKey(parts, { rpc }, 'play URLs');
  return { key, expiresAtMs: parts.clock.nowMs() + parts.config.playTtlMs + longerMs };
}

/** The key that signs `what` now. @throws CodedError UNAVAILABLE when there is none */
export async function signingKey(
  { account }: Pick<Parts, 'account'>,
  { rpc }: Pick<Call, 'rpc'>,
  what: string,
): Promise<PlayKey> {
  const { keys } = await account.signingKeys({}, rpc);
  const key = keys.at(0);
  if (!key) throw new CodedError(protocolErrors, 'UNAVAILABLE', { detail: `no key signs ${what}` });
  return key;
}

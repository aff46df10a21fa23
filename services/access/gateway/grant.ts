import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
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
  const { keys } = await parts.account.signingKeys({}, rpc);
  const key = keys.at(0);
  if (!key) throw new CodedError(protocolErrors, 'UNAVAILABLE', { detail: 'no key signs play URLs' });
  return { key, expiresAtMs: parts.clock.nowMs() + parts.config.playTtlMs + longerMs };
}
